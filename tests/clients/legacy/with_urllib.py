import json
import os
import urllib.request

question = {"model": "gpt-4o", "messages": [{"role": "user", "content": "ping"}]}
request = urllib.request.Request("https://api.openai.com/v1/chat/completions", json.dumps(question).encode())
request.add_header("Authorization", "Bearer " + os.environ["OPENAI_API_KEY"])
request.add_header("Content-Type", "application/json")
answer = json.load(urllib.request.urlopen(request))
print(answer["choices"][0]["message"]["content"])
