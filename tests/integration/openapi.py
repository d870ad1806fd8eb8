"""Requests made from docs/openapi.json: good ones, which must be answered as it says,
and bad ones, which must be refused as it says."""
import json
import random
import string
from urllib.parse import quote

KNOWN = {"tokens": [], "kids": []}  # what the driver has seen, so that some requests find something

PATTERNS = {  # what a schema's pattern stands for, when a value is wanted
    "^[A-Za-z0-9._:@/-]{1,128}$": lambda r: r.choice(("alice", "bob", "carol", "a/b:c@d.e")),
    "^[A-Za-z0-9._:/ -]{1,64}$": lambda r: r.choice(("Action:PAY", "note", "teelog.session")),
    "^[0-9a-f]{50}$": lambda r: "%050x" % r.getrandbits(200),
    "^(?:[0-9a-fA-F]{2}){16,64}$": lambda r: r.randbytes(r.randint(16, 64)).hex(),
    "^(?:entries|[0-7])$": lambda r: r.choice(("entries", "0", "0", "1")),
    "^[0-9]{3}$": lambda r: r.choice(("000", "000", "001", "999")),
    "^[A-Za-z0-9_-]{43}$": lambda r: r.choice(("A" * 43, *KNOWN["kids"])),
    "^[0-9a-f]{16}$": lambda r: r.choice((r.randbytes(8).hex(), *KNOWN["tokens"][-3:])),
}
BAD_TEXTS = ("", " ", "\x00", "\x7f", "%", "é", "\U0001f600", "x" * 129, "x" * 300, "x" * 5000, "-1", "1.5",
             "1e3", "NaN", "null", "true", "01", "9007199254740992", "18446744073709551616", "9" * 40,
             "../..", "a b", "a&b", "a=b", "%25", "'", "\"", "{}", "2026-02-30T00:00:00Z", "0x10", "+1",
             "\ud800", "teelog.boot", "teelog.x", "';DROP TABLE leaf;--", "%s%n", "\r\nX: y")


class Spec:
    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            self.doc = json.load(f)
        self.operations = [Operation(self, p, m, o) for p, methods in self.doc["paths"].items()
                           for m, o in methods.items()]

    def resolve(self, schema):
        while "$ref" in schema:
            at = self.doc
            for part in schema["$ref"].removeprefix("#/").split("/"):
                at = at[part]
            schema = at
        return schema

    def whole(self, schema):
        """For a validator: with everything that it may refer to."""
        return {**schema, "components": self.doc["components"]}

    def value(self, r, schema):
        """Some value that the schema allows."""
        schema = self.resolve(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return r.choice(schema["enum"])
        if "oneOf" in schema:
            return self.value(r, r.choice(schema["oneOf"]))
        kind = schema.get("type", "object")
        if isinstance(kind, list):
            kind = r.choice(kind)
        return getattr(self, "some_" + kind)(r, schema)

    def some_null(self, r, schema):
        return None

    def some_boolean(self, r, schema):
        return r.random() < 0.5

    def some_integer(self, r, schema):
        low, high = schema.get("minimum", 0), schema.get("maximum", 2 ** 53 - 1)
        return r.choice((low, r.randint(low, min(high, low + 20)), high))

    def some_string(self, r, schema):
        if schema.get("format") == "date-time":
            return "2026-01-%02dT08:00:00Z" % r.randint(1, 28)
        if "pattern" in schema:
            return PATTERNS[schema["pattern"]](r)
        n = r.randint(schema.get("minLength", 0), min(schema.get("maxLength", 40), 40))
        return "".join(r.choice(string.ascii_letters + " é\u2028\U0001f600\"\\<") for _ in range(n))

    def some_array(self, r, schema):
        n = r.randint(schema.get("minItems", 0), min(schema.get("maxItems", 5), 5))
        values = [self.value(r, schema["items"]) for _ in range(n)]
        return list(dict.fromkeys(values)) if schema.get("uniqueItems") else values

    def some_object(self, r, schema):
        properties = schema.get("properties", {})
        if not properties:
            return {"k%d" % i: r.choice((1, "x", None, [1, {"a": True}])) for i in range(r.randint(1, 3))}
        return {k: self.value(r, s) for k, s in properties.items()
                if k in schema.get("required", ()) or r.random() < 0.4}


class Operation:
    def __init__(self, spec, path, method, doc):
        self.spec, self.path, self.method, self.doc = spec, path, method.upper(), doc
        self.name = doc["operationId"]
        self.scopes = [s for entry in doc["security"] for s in entry.get("bearer", ())]
        self.parameters = doc.get("parameters", [])
        content = doc.get("requestBody", {}).get("content", {})
        self.media, self.body = next(iter(content.items()), (None, None))

    def good(self, r):
        """(target, headers, body) within the description."""
        path, query, headers = self.path, [], {}
        for p in self.parameters:
            if not p.get("required") and r.random() < 0.7:
                continue
            value = self.spec.value(r, p["schema"])
            if p["in"] == "path":
                path = path.replace("{%s}" % p["name"], quote(str(value), safe=""))
            elif p["in"] == "header":
                headers[p["name"]] = str(value)
            elif str(value) != "":
                query.append("%s=%s" % (p["name"], quote(str(value), safe="")))
        r.shuffle(query)
        return path + ("?" + "&".join(query) if query else ""), headers, self.good_body(r)

    def good_body(self, r):
        if not self.media:
            return None
        if "ndjson" in self.media:
            lines = [self.spec.value(r, self.body["schema"]) for _ in range(r.randint(1, 4))]
            return "".join(json.dumps(v) + "\n" for v in lines).encode()
        return json.dumps(self.spec.value(r, self.body["schema"])).encode()

    def bad(self, r):
        """The same with one thing wrong, most likely."""
        target, headers, body = self.good(r)
        ways = [self.bad_query]
        if body is not None:
            ways += [self.bad_bytes, self.bad_member, self.bad_member]
        if "{" in self.path:
            ways.append(self.bad_path)
        return r.choice(ways)(r, target, headers, body)

    def bad_query(self, r, target, headers, body):
        names = [p["name"] for p in self.parameters if p["in"] == "query"] + ["nothing", "Agent", "limit"]
        name = r.choice(names)
        value = quote(r.choice(BAD_TEXTS).encode("utf-8", "surrogatepass"), safe="")
        extra = r.choice(("%s=%s", "%s=%s&%s=1", "%s", "%s=", "=%s", "%s=%%ff", "%s=%%4", "&%s", "%s=\xe9"))
        extra = extra % ((name, value, name)[:extra.replace("%%", "").count("%s")])
        return target + ("&" if "?" in target else "?") + extra, headers, body

    def bad_path(self, r, target, headers, body):
        value = quote(r.choice(BAD_TEXTS).encode("utf-8", "surrogatepass"), safe="")
        return self.path[:self.path.index("{")] + value, headers, body

    def bad_bytes(self, r, target, headers, body):
        cut = r.randrange(len(body) + 1)
        wrong = r.choice((
            body[:cut], b"", b"\xef\xbb\xbf" + body, body + body, body[:cut] + b"\x00" + body[cut:],
            body[:cut] + r.randbytes(3) + body[cut:], b"[" * 5000, b"{\"a\":" * 2000, b"null", b"[]", b"7",
            b"\"text\"", b"{}", b"NaN", body.replace(b":", b": \t\r\n ", 1), body.replace(b"\"", b"'"),
            b"{" + body, b"1e999", b"\xff\xfe{}", b"{\"x\":" + b"9" * 400 + b"}", body * 50))
        return target, headers, wrong

    def bad_member(self, r, target, headers, body):
        try:
            lines = [json.loads(line) for line in body.splitlines()] if "ndjson" in self.media else [json.loads(body)]
            first = lines[0]
        except (ValueError, IndexError):
            return self.bad_bytes(r, target, headers, body)
        key = r.choice([*first, "more", "__proto__"])
        first[key] = r.choice((None, True, -1, 1.5, 2 ** 53, 10 ** 30, [], {}, [[]], {"a": {"b": []}}, *BAD_TEXTS))
        if r.random() < 0.2 and len(first) > 1:
            del first[r.choice(list(first))]
        text = "\n".join(json.dumps(v) for v in lines)
        if r.random() < 0.1:
            text = text.replace("{", '{"%s":1,' % key, 1)
        return target, headers, text.encode()
