import java.net.HttpURLConnection;
import java.net.URL;
import java.nio.charset.StandardCharsets;

class WithUrlConnection {
    public static void main(String[] arguments) throws Exception {
        var connection = (HttpURLConnection) new URL("https://api.openai.com/v1/chat/completions").openConnection();
        connection.setRequestProperty("Authorization", "Bearer " + System.getenv("OPENAI_API_KEY"));
        connection.setRequestProperty("Content-Type", "application/json");
        connection.setDoOutput(true);
        connection.getOutputStream().write("{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"ping\"}]}".getBytes());
        var text = new String(connection.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        System.out.println(text.contains("\"pong\"") ? "pong" : text);
    }
}
