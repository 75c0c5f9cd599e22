import os

import requests

answer = requests.post(
    "https://api.openai.com/v1/chat/completions",
    headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
    json={"model": "gpt-4o", "messages": [{"role": "user", "content": "ping"}]},
    timeout=30,
)
print(answer.json()["choices"][0]["message"]["content"])
