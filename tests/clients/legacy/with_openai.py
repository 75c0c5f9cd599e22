from openai import OpenAI

answer = OpenAI().chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "ping"}])
print(answer.choices[0].message.content)
