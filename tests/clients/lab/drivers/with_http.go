// Go's net/http; what it is asked and answers: see common.py
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
)

type object = map[string]interface{}

type failed struct {
	status int
	text   string
}

func (it failed) Error() string { return it.text }

var (
	label, file = os.Args[1], os.Args[2]
	address     = os.Args[3]
	client      = &http.Client{Timeout: 20 * time.Second}
)

func ask(prompt string, more object) (*http.Response, error) {
	body := object{"model": "gpt-4o-mini", "messages": []object{{"role": "user", "content": prompt}}}
	for name, value := range more {
		body[name] = value
	}
	coded, _ := json.Marshal(body)
	request, _ := http.NewRequest("POST", address+"/chat/completions", bytes.NewReader(coded))
	request.Header.Set("Authorization", "Bearer "+os.Getenv("OPENAI_API_KEY"))
	request.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(request)
	if err == nil && answer.StatusCode != 200 {
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		return nil, failed{answer.StatusCode, string(text)}
	}
	return answer, err
}

type message struct {
	Content   string
	ToolCalls []struct{ Function struct{ Name, Arguments string } } `json:"tool_calls"`
}

type completion struct {
	Choices []struct{ Message, Delta message }
}

func whole(prompt string, more object) (message, error) {
	answer, err := ask(prompt, more)
	if err != nil {
		return message{}, err
	}
	defer answer.Body.Close()
	var read completion
	if err := json.NewDecoder(answer.Body).Decode(&read); err != nil {
		return message{}, err
	}
	return read.Choices[0].Message, nil
}

// stream reads at most so many pieces, then closes the answer.
func stream(prompt string, most int) ([]string, error) {
	answer, err := ask(prompt, object{"stream": true})
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var pieces []string
	for lines := bufio.NewScanner(answer.Body); len(pieces) < most && lines.Scan(); {
		var chunk completion
		data := strings.TrimPrefix(lines.Text(), "data: ")
		if json.Unmarshal([]byte(data), &chunk) == nil && len(chunk.Choices) > 0 && chunk.Choices[0].Delta.Content != "" {
			pieces = append(pieces, chunk.Choices[0].Delta.Content)
		}
	}
	return pieces, nil
}

func see(name, prompt string) (object, error) {
	switch name {
	case "sse":
		pieces, err := stream(prompt, 1000)
		return object{"text": strings.Join(pieces, ""), "pieces": len(pieces)}, err
	case "async":
		return atOnce(prompt)
	case "tools":
		function := object{"name": "get_weather", "parameters": object{"type": "object", "properties": object{"city": object{"type": "string"}}}}
		answer, err := whole(prompt, object{"tools": []object{{"type": "function", "function": function}}})
		if err != nil {
			return nil, err
		}
		called := answer.ToolCalls[0].Function
		return object{"tool": called.Name, "arguments": json.RawMessage(called.Arguments)}, nil
	case "cancel":
		pieces, err := stream(prompt, 1)
		return object{"text": strings.Join(pieces, "")}, err
	case "body":
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		prompt += "\n" + string(text)
	}
	answer, err := whole(prompt, nil)
	return object{"text": answer.Content}, err
}

func atOnce(prompt string) (object, error) {
	texts, errs := make([]string, 3), make([]error, 3)
	var all sync.WaitGroup
	for number := range texts {
		all.Add(1)
		go func(number int) {
			defer all.Done()
			mine := fmt.Sprintf("%s:%d", prompt, number+1)
			if number == 1 {
				pieces, err := stream(mine, 1000)
				texts[number], errs[number] = strings.Join(pieces, ""), err
				return
			}
			answer, err := whole(mine, nil)
			texts[number], errs[number] = answer.Content, err
		}(number)
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return object{"texts": texts}, nil
}

func main() {
	if address == "-" {
		address = "https://api.openai.com/v1"
	}
	say := json.NewEncoder(os.Stdout)
	say.SetEscapeHTML(false)
	say.Encode(object{"version": strings.TrimPrefix(runtime.Version(), "go")})
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		seen, err := see(lines.Text(), label+":"+lines.Text())
		if err != nil {
			seen = object{"kind": fmt.Sprintf("%T", err), "error": err.Error()}
			if refused, ok := err.(failed); ok {
				seen["status"] = refused.status
			}
		}
		say.Encode(seen)
	}
}
