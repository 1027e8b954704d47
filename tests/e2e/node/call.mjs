// One call with an SDK as an application makes it, at the SDK's own retries:
//   node call.mjs <client> <base URL> <key> <JSON: model, text, max>
// Prints {"text"} or {"status", "code"}.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import Anthropic from "@anthropic-ai/sdk";
import { generateText } from "ai";
import OpenAI from "openai";

const [client, url, key, asked] = process.argv.slice(2);
const { model, text, max } = JSON.parse(asked);
const messages = [{ role: "user", content: text }];
const openai = () => new OpenAI({ baseURL: url + "/v1", apiKey: key });
const ai = (provider) => generateText({ model: provider(model), prompt: text, maxOutputTokens: max });

const calls = {
  "openai-chat": async () =>
    (await openai().chat.completions.create({ model, messages, max_tokens: max })).choices[0].message.content,
  "openai-responses": async () =>
    (await openai().responses.create({ model, input: text, max_output_tokens: max })).output_text,
  anthropic: async () =>
    (await new Anthropic({ baseURL: url, authToken: key, apiKey: null }).messages
      .create({ model, messages, max_tokens: max })).content.map((part) => part.text ?? "").join(""),
  "ai-openai": async () =>
    (await ai(createOpenAI({ baseURL: url + "/v1", apiKey: key }).chat)).text,
  "ai-anthropic": async () =>
    (await ai(createAnthropic({ baseURL: url + "/v1", apiKey: key }))).text,
};

try {
  console.log(JSON.stringify({ text: await calls[client]() }));
} catch (error) {
  const last = error.lastError ?? error;
  let body = last.responseBody ?? "{}";
  try {
    body = JSON.parse(body).error ?? {};
  } catch {
    body = {};
  }
  console.log(JSON.stringify({
    status: last.status ?? last.statusCode ?? null,
    code: last.code ?? last.error?.error?.weir?.code ?? body.weir?.code ?? null,
    message: String(last.message).slice(0, 300),
  }));
}
