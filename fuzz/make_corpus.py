#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets: fuzz/corpus/<target>/<name>.

The seeds are kept in git, since ctest replays them; run this after a change here. Findings are added
beside them by hand, as files named for what they showed.
"""

import gzip
import pathlib
import zlib

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"


def write(target: str, seeds: dict[str, bytes | str]) -> None:
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in seeds.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(data)


def request(fields: str, line: str = "POST /v1/messages HTTP/1.1", host: str = "Host: weir.test\r\n") -> str:
    return f"{line}\r\n{host}{fields}\r\n"


def http_seeds() -> None:
    write("http1_request", {
        "typical": request("Authorization: Bearer wk_abc\r\nContent-Type: application/json\r\n"
                           "User-Agent: sdk/1.0\r\nAccept: */*\r\nContent-Length: 17\r\n") + '{"model":"m","n":1',
        "chunked": request("Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n") + "0\r\n\r\n",
        "leading_crlf": "\r\n" + request("Connection: close\r\n"),
        "two_leading_crlf": "\r\n\r\n" + request(""),
        "absolute": request("", "GET http://api.test:81/v1/models?a=b HTTP/1.1"),
        "absolute_ipv6": request("", "GET https://[::1] HTTP/1.1"),
        "options": request("", "OPTIONS * HTTP/1.1"),
        "connect": request("", "CONNECT api.test:443 HTTP/1.1"),
        "http10": request("Connection: keep-alive\r\n", "GET / HTTP/1.0", ""),
        "upgrade": request("Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"),
        "bare_lf": "GET / HTTP/1.1\nHost: a\n\n",
        "bare_cr": request("X: a\rb\r\n"),
        "folded": request("X: a\r\n b\r\n"),
        "blank_before_colon": request("Transfer-Encoding : chunked\r\n"),
        "length_twice": request("Content-Length: 5\r\nContent-Length: 5\r\n"),
        "length_list": request("Content-Length: 5, 5\r\n"),
        "length_sign": request("Content-Length: +5\r\n"),
        "length_overflow": request("Content-Length: 18446744073709551616\r\n"),
        "length_and_chunked": request("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
        "te_gzip": request("Transfer-Encoding: gzip, chunked\r\n"),
        "te_tab": request("Transfer-Encoding:\tchunked\t\r\n"),
        "te_vertical_tab": request("Transfer-Encoding: \x0bchunked\r\n"),
        "host_twice": request("Host: b\r\n"),
        "host_missing": request("", host=""),
        "target_blank": request("", "GET /a b HTTP/1.1"),
        "nul": request("X: a\0b\r\n"),
        "many_fields": request("".join(f"x-{i}: {i}\r\n" for i in range(20))),
        "long_value": request("x: " + "v" * 2500 + "\r\n"),
        "preface": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "tls_hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    })

    def answer(fields: str, line: str = "HTTP/1.1 200 OK", was: str = "G") -> str:
        return f"{was}{line}\r\n{fields}\r\n"

    write("http1_response", {
        "stream": answer("Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"),
        "length": answer("Content-Length: 12\r\n") + "hello, world",
        "head": answer("Content-Length: 12\r\n", was="H"),
        "until_close": answer(""),
        "continue_then_ok": answer("", "HTTP/1.1 100 Continue") + "HTTP/1.1 200 OK\r\n\r\n",
        "early_hints": answer("Link: </a>\r\n", "HTTP/1.1 103 Early Hints"),
        "no_content": answer("Content-Length: 0\r\n", "HTTP/1.1 204 No Content"),
        "no_content_chunked": answer("Transfer-Encoding: chunked\r\n", "HTTP/1.1 204 No Content"),
        "not_modified": answer("Content-Length: 9\r\n", "HTTP/1.1 304 Not Modified"),
        "no_reason": answer("Content-Length: 0\r\n", "HTTP/1.1 429"),
        "http10": answer("Connection: keep-alive\r\nContent-Length: 1\r\n", "HTTP/1.0 200 OK"),
        "conflict": answer("Content-Length: 1\r\nContent-Length: 2\r\n"),
        "length_and_chunked": answer("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
        "te_twice": answer("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
        "status_short": answer("", "HTTP/1.1 20"),
        "bare_lf": "GHTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "icy": answer("", "ICY 200 OK"),
    })
    write("chunked", {
        "plain": "5\r\nhello\r\n0\r\n\r\n",
        "extension_trailer": '5;a="b;c"\r\nhello\r\n0;x\r\nX-T: 1\r\nY: 2\r\n\r\nGET / HTTP/1.1',
        "leading_zeros": "0000000000000005\r\nhello\r\n00\r\n\r\n",
        "upper": "A\r\n0123456789\r\n0\r\n\r\n",
        "seventeen_digits": "00000000000000005\r\nhello\r\n",
        "largest": "ffffffffffffffff\r\nx",
        "bare_lf": "5\nhello\n0\n\n",
        "lf_after_data": "5\r\nhello\n0\r\n\r\n",
        "lf_in_extension": "5;a\nb\r\nhello\r\n",
        "blank_size": "5 \r\nhello\r\n",
        "sign": "+5\r\nhello\r\n",
        "too_short": "6\r\nhello\r\n0\r\n\r\n",
        "one_byte_chunks": "".join(f"1\r\n{c}\r\n" for c in "event: x") + "0\r\n\r\n",
        "bad_trailer": "0\r\nX : 1\r\n\r\n",
    })


def stream_seeds() -> None:
    write("sse", {
        "openai": 'data: {"id":"c","choices":[{"delta":{"content":"hi"}}]}\n\n'
                  'data: {"choices":[],"usage":{"prompt_tokens":1}}\n\ndata: [DONE]\n\n',
        "anthropic": 'event: message_start\ndata: {"type":"message_start"}\n\nevent: ping\ndata: {}\n\n'
                     'event: message_stop\ndata: {}\n\n',
        "heartbeats": ": keep-alive\n\n:\n\ndata: x\n\n",
        "crlf": "event: a\r\ndata: 1\r\ndata: 2\r\n\r\ndata: 3\r\n\r\n",
        "cr": "data: 1\rdata: 2\r\rdata: 3\r\r",
        "mixed_endings": "data: 1\n\rdata: 2\r\n\ndata: 3\r\r\n\n",
        "bom": b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n",
        "half_bom": b"\xef\xbbdata: a\n\n",
        "many_lines": "".join(f"data: {i}\r\n" for i in range(12)) + "event: e\r\n\r\n",
        "no_values": "data\n\nevent\ndata:\n\nid\nretry\n\n",
        "odd_fields": "Data: a\n data: b\ndata : c\ndata:: d\n\n",
        "unfinished": "data: a\n\ndata: b\n",
        "blank_lines": "\n\r\n\r\n\n\r\r",
        "over_64": "data: " + "x" * 100 + "\n\ndata: y\n\n",
    })


def coding_seeds() -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"hello hello hello"}]}'
    raw = zlib.compressobj(6, zlib.DEFLATED, -15)
    raw_body = raw.compress(body) + raw.flush()
    zipped = gzip.compress(body, mtime=0)
    # "hello hello hello" by zstd, and by brotli.
    zstd_body = bytes.fromhex("28b52ffd20116500003068656c6c6f200100fb2ba7")
    brotli_body = bytes.fromhex("0b088068656c6c6f2068656c6c6f2068656c6c6f03")
    write("content_coding", {
        "gzip": b"\0" + zipped,
        "gzip_two_members": b"\0" + zipped + zipped,
        "gzip_tail": b"\0" + zipped + b"tail",
        "gzip_cut": b"\0" + zipped[:-3],
        "gzip_bomb": b"\0" + gzip.compress(b"\0" * 400_000, mtime=0),
        "zlib": b"\1" + zlib.compress(body),
        "raw_deflate": b"\1" + raw_body,
        "br": b"\2" + brotli_body,
        "zstd": b"\3" + zstd_body,
        "zstd_skippable": b"\3" + bytes.fromhex("502a4d1803000000") + b"abc",
        "zstd_wide_window": b"\3" + bytes.fromhex("28b52ffd0070010000"),
        "identity": b"\4" + body,
        "gzip_gzip": b"\5" + gzip.compress(zipped, mtime=0),
        "three": b"\7" + gzip.compress(zstd_body, mtime=0),
    })


def text_seeds() -> None:
    write("url", {
        "provider": "https://api.example.test/v1",
        "local": "http://127.0.0.1:11434/",
        "ipv6": "http://[2001:DB8::1]:8080/a/b/",
        "user": "https://user:secret@host/",
        "target": "/v1/usage?from=2026-01-01&team=red%20blue+x&flag",
        "bad_percent": "/t/%zz%2?team=%",
        "nul": "/a%00b",
        "utf8": "/caf%C3%A9?team=%F0%9F%98%80",
    })
    write("json_write", {
        "plain": "hello",
        "controls": "\0\1\x1f\"\\\b\f\n\r\t\x7f",
        "utf8": "grüße €😀\ufffd\u2028",
        "bad_utf8": b"\xc0\xaf\xe0\x80\x80\xed\xa0\x80\xf4\x90\x80\x80\xf8\xff\xc3",
    })


def provider_seeds() -> None:
    # The first byte: a chat, b completions, c embeddings, d responses, e input tokens, f compact,
    # g messages, h count tokens.
    bodies = {
        "chat": 'a{"model":"gpt","messages":[{"role":"user","content":"hi"}],"stream":true,"n":2}',
        "chat_all": 'a{ "model" : "m" , "max_tokens":5,"max_completion_tokens": null,"stream":true,'
                    '"stream_options":{"include_usage":false,"x":1},"service_tier":"flex",'
                    '"metadata":{"weir.goal":"4711","a":"b"},"user":"u","tools":[{"type":"function",'
                    '"function":{"name":"f"}}],"response_format":{"type":"json_object"}}',
        "chat_media": 'a{"model":"m","messages":[{"role":"user","content":[{"type":"image_url",'
                      '"image_url":{"url":"https://a.test/x.png"}},{"type":"text","text":"\\u00e9"}]}]}',
        "completions": 'b{"model":"m","prompt":["a","b"],"best_of":3,"stream":true,"stream_options":null}',
        "embeddings": 'c{"model":"e","input":["a",[1,2,3]],"dimensions":256}',
        "responses": 'd{"model":"m","input":"hi","max_output_tokens":100,"previous_response_id":"resp_1",'
                     '"tools":[{"type":"web_search"},{"type":"mcp","server_url":"https://a.test"}],'
                     '"background":true,"max_tool_calls":3}',
        "compact": 'f{"model":"m","input":[]}',
        "messages": 'g{"model":"claude","max_tokens":1024,"system":[{"type":"text","text":"s","cache_control":'
                    '{"type":"ephemeral","ttl":"1h"}}],"messages":[{"role":"user","content":"hi"}],'
                    '"thinking":{"type":"enabled","budget_tokens":2000},"metadata":{"user_id":"u"},'
                    '"tools":[{"type":"web_search_20250305","name":"web_search","max_uses":2}]}',
        "count": 'h{"model":"claude","messages":[]}',
        "twice": 'a{"model":"m","max_tokens":1,"max_tokens":100000}',
        "disguised": 'a{"model":"m","\\u006dax_tokens":100000}',
        "other_case": 'a{"model":"m","Max_Tokens":1}',
        "kelvin": 'a{"model":"m","max_to\u212aens":1}',
        "fraction": 'a{"model":"m","max_tokens":1.5}',
        "exponent": 'a{"model":"m","max_tokens":1e2}',
        "negative": 'a{"model":"m","n":-1}',
        "huge": 'a{"model":"m","n":9007199254740993}',
        "text_number": 'g{"model":"m","max_tokens":"12"}',
        "no_model": 'a{"messages":[]}',
        "list": "a[]",
        "cut": 'a{"model":"m","messages":[{"role":',
        "comma": 'a{"model":"m",}',
        "comment": 'a{"model":"m"/**/}',
        "nan": 'a{"model":"m","temperature":NaN}',
        "two_values": 'a{"model":"m"}{}',
        "surrogate": 'a{"model":"m","user":"\\ud800"}',
        "deep": 'a{"model":"m","x":' + "[" * 600 + "]" * 600 + "}",
        "empty_key": 'a{"":1,"model":"m"}',
        "blank_metadata": 'a{"model":"m" , "metadata" : { "weir.a" : "b" } }',
        "metadata_first": 'a{"metadata":{"weir.goal":"1"},"model":"m","messages":[],"stream":true}',
        "limit_first": 'a{"max_completion_tokens":64,"messages":[],"model":"m","stream":true}',
    }
    write("describe", bodies)
    changes = {"none": 0, "all": 15, "old_server": 47, "usage": 2, "limit": 4, "strip": 8}
    for name in ("chat", "chat_all", "completions", "responses", "messages", "blank_metadata", "embeddings",
                 "metadata_first", "limit_first"):
        body = bodies[name]
        write("rewrite", {f"{name}_{change}": (body[0] + chr(bits) + body[1:]).encode()
                          for change, bits in changes.items()})

    text = 'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}],"usage":null}\n\n'
    final = ('data: {"id":"c","model":"m","choices":[],"usage":{"prompt_tokens":50,"completion_tokens":3,'
             '"total_tokens":53,"prompt_tokens_details":{"cached_tokens":20,"audio_tokens":1},'
             '"completion_tokens_details":{"reasoning_tokens":2}}}\n\n')
    chat = text + final + "data: [DONE]\n\n"
    claude = ('event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","model":"claude",'
              '"usage":{"input_tokens":10,"cache_creation_input_tokens":5,"cache_read_input_tokens":7,'
              '"cache_creation":{"ephemeral_5m_input_tokens":2,"ephemeral_1h_input_tokens":3},"output_tokens":1}}}\n\n'
              'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"type":"text_delta","text":"Hi"}}\n\n'
              'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},'
              '"usage":{"output_tokens":12,"server_tool_use":{"web_search_requests":1}}}\n\n'
              'event: message_stop\ndata: {"type":"message_stop"}\n\n')
    responses = ('event: response.created\ndata: {"type":"response.created","response":{"id":"resp_1","usage":null}}\n\n'
                 'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"Hi"}\n\n'
                 'event: response.completed\ndata: {"type":"response.completed","response":{"id":"resp_1",'
                 '"model":"m","service_tier":"default","output":[{"type":"web_search_call","status":"completed"}],'
                 '"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":4},"output_tokens":5,'
                 '"output_tokens_details":{"reasoning_tokens":1},"total_tokens":14}}}\n\n')
    failure = 'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n'
    odd = ('data: {"choices":[],"usage":{"prompt_tokens":-5,"completion_tokens":1e300,"total_tokens":"x"}}\n\n'
           'data: {"choices":[],"usage":{"prompt_tokens":9223372036854775807,"completion_tokens":9223372036854775807}}\n\n'
           'data: {"usage":{"prompt_tokens":3,"prompt_tokens_details":{"cached_tokens":99}}}\n\n')
    body = '{"id":"c","model":"m","choices":[{}],"usage":{"prompt_tokens":5,"completion_tokens":3,"total_tokens":8}}'
    write("meter", {
        "chat": "as" + chat,
        "chat_twice": "as" + text + final + final,
        "chat_failure": "as" + text + failure,
        "chat_odd": "as" + odd,
        "completions": "bs" + chat,
        "embeddings": 'cb{"object":"list","model":"e","data":[],"usage":{"prompt_tokens":8,"total_tokens":8}}',
        "responses": "ds" + responses,
        "responses_body": 'db{"id":"resp_1","object":"response","usage":{"input_tokens":1,"output_tokens":2}}',
        "messages": "gs" + claude,
        "messages_cut": "gs" + claude[:400],
        "messages_body": 'gb{"id":"msg_1","type":"message","model":"claude","usage":{"input_tokens":1,"output_tokens":2}}',
        "count": 'hb{"input_tokens":14}',
        "chat_body": "ab" + body,
        "reasoning_outside": "a|" + body,
        "html": "ab<html>502 Bad Gateway</html>",
    })
    write("sse_relay", {
        "strip": "a1" + chat,
        "pass": "a0" + chat,
        "strip_crlf": "a1" + chat.replace("\n", "\r\n"),
        "strip_cr": "a1" + chat.replace("\n", "\r"),
        "strip_unfinished": "a1" + text + final[:-1],
        "strip_multi_line": 'a1data: {"choices":[],\ndata: "usage":{"prompt_tokens":1}}\n\n' + text,
        "strip_nested": 'a1data: {"x":{"usage":null},"usage":null}\n\n',
        "strip_comments": "a1: hi\n\n" + chat + ": bye\n\n",
        "strip_bom": b"a1\xef\xbb\xbf" + chat.encode(),
        "messages": "g0" + claude,
        "responses": "d0" + responses,
        "usage_twice": "a1" + final + final + text,
    })


def ledger_seeds() -> None:
    text = b"\x05model\x04sent\x03red\x04name\x05value"
    write("journal_record", {
        "admit": b"\x00" + b"\x01" * 8 + text + b"\x7f" * 80,
        "end": b"\x01" + b"\x00" * 8 + text + b"\xff" * 160,
        "refusal": b"\x02" + b"\x02" * 8 + text + b"\x0aover limit",
        "correction": b"\x03" + b"\x80" * 16 + b"\x05proof",
        "zeros": b"\x00" * 64,
    })
    write("journal_segment", {
        "records": b"\x00\x00\x00rrrr",
        "ended": b"\x00\x00\x00rrm",
        "sealed": b"\x02\x00\x00rrm",
        "sealed_without_mark": b"\x02\x00\x00rr",
        "torn": b"\x00\x00\x00rrw\x08\x10\x00\x00\x00\x01\x02\x03\x04",
        "torn_synced": b"\x00\x40\x00rrw\x08\x10\x00\x00\x00\x01\x02\x03\x04",
        "power_cut_gap": b"\x01\x00\x00rr0rr",
        "power_cut_bad": b"\x01\x00\x00rrw\x09\xff\xff\x00\x00\x01\x02\x03\x04\x05r",
        "foreign_frame": b"\x00\x00\x00rf\x05hellor",
        "after_mark": b"\x00\x00\x00rmr",
        "as_it_is": b"\x04\x00\x00weir.wj\x00" + b"\x00" * 300,
        "short_file": b"\x04\x00\x00weir",
        "zeros": b"\x04\x00\x00" + b"\x00" * 400,
    })


def policy_seeds() -> None:
    stem = "weir_abcdefghijkl_" + "0123456789abcdefghijklmnopqrstuv"
    key = f"{stem}{zlib.crc32(stem.encode()):08x}"
    write("key_text", {
        "key": key,
        "bad_sum": key[:-1] + ("0" if key[-1] != "0" else "1"),
        "upper_sum": key[:-8] + key[-8:].upper(),
        "short": key[:-1],
        "other_vendor": "sk-ant-api03-abcdefghijklmnopqrstuvwxyz",
        "glob": "gpt-*5|gpt-4.5",
        "stars": "a**b*c|aabbcc",
        "empty_pattern": "|a",
    })
    write("attribution", {
        "own": "team=blue,task-type=review,color=red%20one\nx-weir-trajectory: t1\nx-weir-goal: 4711\n"
               "x-weir-tags: a=b,c=d\nX-Weir-Environment: staging\nx-weir-team: blue\nx-weir-user: eve\n",
        "others": "\nx-litellm-tags: a,b:c\nx-portkey-metadata: {\"_user\":\"u\",\"k\":1}\n"
                  "helicone-property-color: red\ncf-aig-metadata: {\"team\":\"x\"}\nx-session-id: s\n",
        "baggage": "\nbaggage: session.id=s%201;p=1,user.id=u,deployment.environment=prod,x=y\n"
                   "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n",
        "too_long": "\nx-weir-goal: " + "g" * 300 + "\n",
        "too_many": ",".join(f"t{i}=v" for i in range(40)) + "\n",
        "control": "\nx-weir-goal: a\x01b\n",
        "bad_percent": "a=%zz\n",
        "bad_json": "\nx-portkey-metadata: {\"a\":{\"b\":[1,2\n",
        "no_name": "=x,,y\n",
        "zero_trace": "\ntraceparent: 00-00000000000000000000000000000000-0000000000000000-00\n",
    })
    write("prices", {
        "genai": '0[{"id":"maker","models":[{"id":"m","match":{"or":[{"equals":"m"},{"starts_with":"m-"}]},'
                 '"context_window":1000,"prices":[{"prices":{"input_mtok":{"base":3,"tiers":[{"start":200000,'
                 '"price":6}]},"output_mtok":15}},{"constraint":{"type":"start_date","start_date":"2026-08-01"},'
                 '"prices":{"input_mtok":2}}]}]}]',
        "genai_match": '0[{"id":"p","models":[{"id":"m","match":{"regex":"(a+)+$"},"prices":{"input_mtok":1e-3}}]}]',
        "litellm": '1{"gpt":{"litellm_provider":"openai","mode":"chat","input_cost_per_token":5e-06,'
                   '"output_cost_per_token":3e-05,"input_cost_per_token_above_272k_tokens":1e-05,'
                   '"max_output_tokens":128000.0,"provider_specific_entry":{"us":1.1,"fast":2.0}},'
                   '"g":{"litellm_provider":"xai","mode":"chat","output_cost_per_token":1e-6,'
                   '"tiered_pricing":[{"range":[0,128e3],"input_cost_per_token":1e-06}]}}',
        "models_dev": '2{"xai":{"id":"xai","models":{"grok":{"limit":{"context":256000,"output":64000},'
                      '"cost":{"input":1.25,"output":2.5,"tiers":[{"input":2.5,"output":5,"tier":{"size":200000}}]}}}}}',
        "unknown": '3{"a":1}',
        "overlay": "4prices:\n  - provider: openai\n    model: gpt-5.5*\n    from: 2026-12-01\n    input: 1.10\n"
                   "    output: 8.80\n    units: {web_search: 0.008}\n    above: [{tokens: 200000, input: 2.20}]\n"
                   "    tiers:\n      priority: {input: 2.20}\n",
        "overlay_json": '4{"prices":[{"provider":"x","model":"a*b","input":1e-1,"free":false}]}',
        "overlay_anchor": "4prices: &a\n  - *a\n",
        "overlay_tag": "4!!binary [\n",
        "overlay_negative": "4prices:\n  - {provider: x, model: m, input: -1}\n",
    })


def admin_seeds() -> None:
    write("admin_fields", {
        "calls": "team=own&trajectory=ticket+4711&from=2026-11-01&until=2026-12-01T00:00:00%2B01:00&errors=true"
                 "&limit=50&after=1795489200000000000~call_0000000g000000000001.1",
        "follow": "place=12~3&key=k&state=refused",
        "spend": "by=team,model,modle&bucket=day&from=2026-11-01",
        "other_team": "team=other",
        "twice": "team=own&team=own",
        "unknown": "taem=own&%F0%9F%92%A9=1",
        "bad_percent": "team=%zz&limit=%",
        "body": '{"team":"t","errors":true,"limit":7,"from":"2026-11-24","usd":"-0.000000000001",'
                '"models":["gpt-*"],"attributes":{"a":"b","c":null}}',
        "body_twice": '{"team":"a","team":"b"}',
        "body_wrong_types": '{"team":7,"errors":"yes","limit":1e99,"usd":0.1,"models":{},"attributes":[]}',
        "body_control": '{"team":"a\\nb"}',
        "body_not_utf8": b'{"team":"\xff\xfe"}',
        "body_deep": "[" * 200,
    })


def main() -> None:
    http_seeds()
    stream_seeds()
    coding_seeds()
    text_seeds()
    provider_seeds()
    ledger_seeds()
    policy_seeds()
    admin_seeds()


if __name__ == "__main__":
    main()
