// java.net.http.HttpClient; what it is asked and answers: see common.py
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

class WithHttpClient {
    static final String TOOL = "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"get_weather\",\"parameters\":"
        + "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}}}}}]";
    static final Pattern CONTENT = Pattern.compile("\"content\":\"((?:[^\"\\\\]|\\\\.)*)\"");
    static final Pattern CALL = Pattern.compile("\"name\":\"(\\w+)\",\"arguments\":\"((?:[^\"\\\\]|\\\\.)*)\"");
    static final HttpClient CLIENT = HttpClient.newHttpClient();
    static String address;

    static class StatusError extends Exception {
        final int status;

        StatusError(int status, String body) {
            super(body);
            this.status = status;
        }
    }

    public static void main(String[] arguments) throws Exception {
        var out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        address = (arguments[2].equals("-") ? "https://api.openai.com/v1" : arguments[2]) + "/chat/completions";
        out.println("{\"version\":" + quoted(System.getProperty("java.version")) + "}");
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (var line = in.readLine(); line != null; line = in.readLine()) {
            try {
                out.println(see(line, arguments[0] + ":" + line, arguments[1]));
            } catch (Exception error) {
                var status = error instanceof StatusError ? ((StatusError) error).status : -1;
                out.println("{\"kind\":" + quoted(error.getClass().getSimpleName()) + ",\"status\":" + status
                    + ",\"error\":" + quoted(String.valueOf(error.getMessage())) + "}");
            }
        }
        System.exit(0);
    }

    static String see(String name, String prompt, String file) throws Exception {
        switch (name) {
            case "sse":
                var pieces = pieces(send(body(prompt, "\"stream\":true"), BodyHandlers.ofLines()).body())
                    .collect(Collectors.toList());
                return "{\"text\":" + quoted(String.join("", pieces)) + ",\"pieces\":" + pieces.size() + "}";
            case "async":
                return "{\"texts\":" + atOnce(List.of(prompt + ":1", prompt + ":2", prompt + ":3")) + "}";
            case "tools":
                var call = CALL.matcher(whole(body(prompt, TOOL)));
                call.find();
                return "{\"tool\":" + quoted(call.group(1)) + ",\"arguments\":" + unescaped(call.group(2)) + "}";
            case "cancel":
                try (var lines = send(body(prompt, "\"stream\":true"), BodyHandlers.ofLines()).body()) {
                    return "{\"text\":" + quoted(pieces(lines).findFirst().orElse("")) + "}";
                }
            case "body":
                return text(whole(body(prompt + "\n" + Files.readString(Path.of(file)), null)));
            default:
                return text(whole(body(prompt, null)));
        }
    }

    static String atOnce(List<String> prompts) {
        var client = CLIENT;
        var futures = new ArrayList<CompletableFuture<String>>();
        for (var number = 0; number < 3; number++) {
            var streamed = number == 1;
            var question = request(body(prompts.get(number), streamed ? "\"stream\":true" : null));
            futures.add(streamed
                ? client.sendAsync(question, BodyHandlers.ofLines())
                    .thenApply((answer) -> quoted(pieces(answer.body()).collect(Collectors.joining())))
                : client.sendAsync(question, BodyHandlers.ofString()).thenApply((answer) -> content(answer.body())));
        }
        return futures.stream().map(CompletableFuture::join).collect(Collectors.joining(",", "[", "]"));
    }

    static HttpRequest request(String body) {
        return HttpRequest.newBuilder(URI.create(address)).timeout(Duration.ofSeconds(20))
            .header("Authorization", "Bearer " + System.getenv("OPENAI_API_KEY"))
            .header("Content-Type", "application/json").POST(HttpRequest.BodyPublishers.ofString(body)).build();
    }

    static <T> HttpResponse<T> send(String body, HttpResponse.BodyHandler<T> handler) throws Exception {
        return CLIENT.send(request(body), handler);
    }

    static String whole(String body) throws Exception {
        var answer = send(body, BodyHandlers.ofString());
        if (answer.statusCode() != 200) throw new StatusError(answer.statusCode(), answer.body());
        return answer.body();
    }

    static Stream<String> pieces(Stream<String> lines) {
        return lines.filter((line) -> line.startsWith("data: {")).map(CONTENT::matcher)
            .map((found) -> found.find() ? unescaped(found.group(1)) : "").filter((piece) -> !piece.isEmpty());
    }

    static String text(String answer) {
        return "{\"text\":" + content(answer) + "}";
    }

    /** The answer's text, still quoted. */
    static String content(String answer) {
        var found = CONTENT.matcher(answer);
        return found.find() ? "\"" + found.group(1) + "\"" : "null";
    }

    static String body(String prompt, String more) {
        return "{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":" + quoted(prompt) + "}]"
            + (more == null ? "" : "," + more) + "}";
    }

    static String quoted(String text) {
        var out = new StringBuilder("\"");
        for (var at = 0; at < text.length(); at++) {
            var letter = text.charAt(at);
            if (letter == '"' || letter == '\\') out.append('\\').append(letter);
            else if (letter < ' ') out.append(String.format("\\u%04x", (int) letter));
            else out.append(letter);
        }
        return out.append('"').toString();
    }

    static String unescaped(String text) {
        var out = new StringBuilder();
        for (var at = 0; at < text.length(); at++) {
            var letter = text.charAt(at);
            if (letter != '\\') {
                out.append(letter);
            } else if (text.charAt(++at) == 'u') {
                out.append((char) Integer.parseInt(text.substring(at + 1, at + 5), 16));
                at += 4;
            } else {
                out.append("bfnrt".indexOf(text.charAt(at)) < 0 ? text.charAt(at)
                    : "\b\f\n\r\t".charAt("bfnrt".indexOf(text.charAt(at))));
            }
        }
        return out.toString();
    }
}
