// Writes one of tiktoken's vocabularies in the form that src/provider/vocabulary.cpp reads where it
// lies, and what tiktoken itself counts of some texts, for a test:
//   node extract_vocabulary.mjs <package folder> <encoding> <output> <cases output>
//
// Little-endian: u32 slots, u32 pattern bytes; a hash table of `slots` × { u32 place of the token in
// the blob, u32 rank << 8 | length } (length 0: empty); the pattern; the blob.
import { createRequire } from "node:module";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const [folder, encoding, output, casesOutput] = process.argv.slice(2);
const require = createRequire(join(resolve(folder), "package.json"));
const { pat_str, bpe_ranks } = require(`tiktoken/encoders/${encoding}.json`);

const tokens = [];
for (const line of bpe_ranks.split("\n").filter(Boolean)) {
  const [, first, ...rest] = line.split(" ");
  rest.forEach((text, i) => tokens.push([Number(first) + i, Buffer.from(text, "base64")]));
}
if (tokens.length < 100_000) throw new Error(`${encoding} has only ${tokens.length} tokens`);

// FNV-1a, mixed, as in vocabulary.cpp.
const hash = (bytes) => {
  let h = 0x811c9dc5;
  for (const b of bytes) h = Math.imul(h ^ b, 0x01000193);
  h ^= h >>> 15;
  h = Math.imul(h, 0x2c1b3c6d);
  return (h ^ (h >>> 12)) >>> 0;
};

const slots = 2 ** Math.ceil(Math.log2(tokens.length * 1.5));
const table = new Uint32Array(slots * 2);
const blob = [];
let place = 0;
for (const [rank, bytes] of tokens) {
  if (bytes.length > 255) throw new Error("a token is too long for this form");
  let at = hash(bytes) & (slots - 1);
  while (table[2 * at + 1] & 0xff) at = (at + 1) & (slots - 1);
  table[2 * at] = place;
  table[2 * at + 1] = (rank << 8) | bytes.length;
  blob.push(bytes);
  place += bytes.length;
}
const pattern = Buffer.from(pat_str);
const head = Buffer.alloc(8);
head.writeUInt32LE(slots, 0);
head.writeUInt32LE(pattern.length, 4);
writeFileSync(output, Buffer.concat([head, Buffer.from(table.buffer), pattern, ...blob]));

// Texts of many kinds: words, code, numbers, scripts, emoji, white space, and bytes at random.
let state = 7;
const random = (below) => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) % below;
const pieces = ["The", " weir", "holds", "it's", "WE'LL", " don't", "http://a.b/c?d=1", "{\"k\": [1, 2]}", "\n", "\r\n\n",
  "   ", "\t", " \n  x", "1234567", "3.14", "—", "…", "ÄÖÜß", "naïve", "e\u0301", "Привет", "مرحبا", "नमस्ते", "日本語のテキスト",
  "中文没有空格的很长的句子", "한국어", "🙂", "👩‍👩‍👧‍👦", "\u200b", "\u00a0", "aGVsbG8gd29ybGQ=", "0198f2a4-7c1e-7bd0", "camelCaseName",
  "SCREAMING_CASE", "#include <vector>", "    return x;", "!!!???", "//////", "<|endoftext|>", "ǅ", "ʰ", "Ⅷ", "½", "𝔘𝔫𝔦"];
const texts = ["", " ", "a", "\n\n\n", " ".repeat(100), "a".repeat(200), "ab1".repeat(50), "\n ".repeat(40), ...pieces];
for (let i = 0; i < 400; i++) {
  let text = "";
  for (let n = 1 + random(40); n > 0; n--) {
    text += random(4) ? pieces[random(pieces.length)] : String.fromCodePoint(32 + random(random(8) ? 95 : 0x2000));
    if (random(3) === 0) text += " ";
  }
  texts.push(text);
}
const encoder = require("tiktoken").get_encoding(encoding);
const cases = texts.map((text) => ({ text, tokens: encoder.encode_ordinary(text).length }));
writeFileSync(casesOutput, JSON.stringify(cases));
