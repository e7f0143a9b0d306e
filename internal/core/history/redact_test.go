package history

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"mcpproxy-tray/internal/core/call"
)

func TestPayloadsHaveNoSecrets(t *testing.T) {
	secret := "h\"é/5ecret\\value"
	quoted, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	inText, err := json.Marshal(`{"note":` + string(quoted) + `,"password":"hunter22"}`)
	if err != nil {
		t.Fatal(err)
	}
	r := newRedactor([]string{secret, "", "other-secret", "8412907766"})
	for name, c := range map[string]struct{ in, want string }{
		"nothing":           {`{"path": "/tmp/a", "n": 1.50, "deep":[{"x":null}]}`, `{"path": "/tmp/a", "n": 1.50, "deep":[{"x":null}]}`},
		"by name":           {`{"token":"abc","a":1}`, `{"token":"•••","a":1}`},
		"by parts of names": {`{"apiKey":"abc","X-API-Key" : "d","github_token":"e","session_id":"f"}`, `{"apiKey":"•••","X-API-Key" : "•••","github_token":"•••","session_id":"•••"}`},
		"acronyms":          {`{"DBPassword":"a","APIToken":"b","JWTSecret":"c","GitHubPAT":"d"}`, `{"DBPassword":"•••","APIToken":"•••","JWTSecret":"•••","GitHubPAT":"•••"}`},
		"joined words":      {`{"PGPASSWORD":"a","accesstoken":"b","awssecretaccesskey":"c","token2":"d","apiKeys":["e"]}`, `{"PGPASSWORD":"•••","accesstoken":"•••","awssecretaccesskey":"•••","token2":"•••","apiKeys":"•••"}`},
		"counts":            {`{"max_tokens":5,"totalTokens":6,"TOKENS":7,"tokenizer":"x","OAuthor":"y","keys":["z"]}`, `{"max_tokens":5,"totalTokens":6,"TOKENS":7,"tokenizer":"x","OAuthor":"y","keys":["z"]}`},
		"numbers by value":  {`{"account":8412907766,"b":[-8412907766.5,841290776]}`, `{"account":"•••","b":["•••",841290776]}`},
		"name and value":    {`[{"name":"Authorization","value":"hunter22"},{"Key":"api_key","on":[{"name":"x"}],"Value":{"a":1}}]`, `[{"name":"Authorization","value":"•••"},{"Key":"api_key","on":[{"name":"x"}],"Value":"•••"}]`},
		"value and name":    {`[{"value":"hunter22","on":{"value":"y"},"name":"Authorization"},{"value":123456,"key":"pwd"}]`, `[{"value":"•••","on":{"value":"y"},"name":"Authorization"},{"value":"•••","key":"pwd"}]`},
		"pairs in pairs":    {`{"value":"a","on":[{"value":"b","name":"pwd"},{"value":"c","key":"title"}],"name":"token"}`, `{"value":"•••","on":[{"value":"•••","name":"pwd"},{"value":"c","key":"title"}],"name":"token"}`},
		"innocent pairs":    {`[{"name":"Accept","value":"a"},{"value":"b"},{"key":"title","value":1},{"name":"token"},{"value":[{"value":"c"}],"name":"pwd"}]`, `[{"name":"Accept","value":"a"},{"value":"b"},{"key":"title","value":1},{"name":"token"},{"value":[{"value":"c"}],"name":"pwd"}]`},
		"cut in a number":   {`{"account":84129…`, `{"account":…`},
		"innocent names":    {`{"key":"title","tokens":5,"author":"me","monkey":"x"}`, `{"key":"title","tokens":5,"author":"me","monkey":"x"}`},
		"numbers":           {`{"otp":123456,"secret":-1.5e3,"auth":true,"pwd":null}`, `{"otp":"•••","secret":"•••","auth":true,"pwd":null}`},
		"whole objects":     {`{"credentials":{"user":"u","pw":["}"]},"b":[1]}`, `{"credentials":"•••","b":[1]}`},
		"by value":          {`{"a":` + string(quoted) + `,"b":"x other-secret y"}`, `{"a":"•••","b":"x ••• y"}`},
		"escaped":           {`{"a":"other\u002dsecret"}`, `{"a":"•••"}`},
		"value as a name":   {`{"other-secret!":"a"}`, `{"•••!":"•••"}`},
		"JSON in text":      {`{"text":` + string(inText) + `}`, `{"text":"{\"note\":\"•••\",\"password\":\"•••\"}"}`},
		"bearer":            {`{"text":"Authorization: Bearer abcdefgh.ijkl-mno"}`, `{"text":"Authorization: ••• •••"}`},
		"in an address":     {`{"text":"see https://me:pass@example.com/x?api_key=1234567"}`, `{"text":"see https://•••@example.com/x?api_key=•••"}`},
		"by form":           {`{"text":"ghp_0123456789abcdefghij0123 AKIAABCDEFGHIJKLMNOP"}`, `{"text":"••• •••"}`},
		"long by form":      {`{"text":"a eyJ` + strings.Repeat("x", 3000) + `.` + strings.Repeat("y", 3000) + `.zz b https://` + strings.Repeat("u", 900) + `:p@h"}`, `{"text":"a ••• b https://•••@h"}`},
		"as words":          {`{"text":"7 tokens: 5000, the secret of a basic author, ask-me-anything-but-this"}`, `{"text":"7 tokens: 5000, the secret of a basic author, ask-me-anything-but-this"}`},
		"private key":       {`{"text":"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"}`, `{"text":"•••"}`},
		"cut in a name":     {`{"pass…`, `{"pass…`},
		"cut in a value":    {`{"password":"hun…`, `{"password":"•••"…`},
		"cut in a secret":   {`{"a":"other-sec…`, `{"a":""…`},
		"cut in an object":  {`{"auth":{"a":"b…`, `{"auth":"•••"…`},
	} {
		if got := r.payload([]byte(c.in)); got != c.want {
			t.Errorf("%s: payload(%s)\n got %s\nwant %s", name, c.in, got, c.want)
		}
	}
	deep := `"other-secret"`
	for range maxNesting + 3 {
		b, err := json.Marshal(`[` + deep + `]`)
		if err != nil {
			t.Fatal(err)
		}
		deep = string(b)
	}
	if got := r.payload([]byte(deep)); strings.Contains(got, "other-secret") {
		t.Errorf("deep in texts: %s", got)
	}
}

// TestPayloadsThatAreNotWantedAnyMoreAreNotKept switches them off while some wait.
func TestPayloadsThatAreNotWantedAnyMoreAreNotKept(t *testing.T) {
	h := begin(t, dbPath(t), func(o *Options) {
		o.Settings.Payloads, o.Secrets = true, func() []string { return []string{"other-secret"} }
	})
	h.writing <- struct{}{}
	h.Record(call.Record{Tool: "t", At: time.Now(), Params: []byte(`{"a":"other-secret"}`)})
	h.Configure(defaults)
	<-h.writing
	if got := h.page(t, Query{Limit: 9}).Entries; len(got) != 1 || got[0].Params != "" {
		t.Errorf("entries %+v, want one without payloads", got)
	}
}

// TestEndDoesNotWaitForPayloads ends the program while much is queued: what there is no
// time to redact is not kept, and its calls are.
func TestEndDoesNotWaitForPayloads(t *testing.T) {
	path := dbPath(t)
	h := begin(t, path, func(o *Options) { o.Settings.Payloads = true })
	h.writing <- struct{}{}
	for range 9 {
		h.Record(call.Record{Tool: "t", At: time.Now(), Params: []byte(`{"a":1}`)})
	}
	go h.stop()
	h.until(t, "the end", func() bool { return h.redactBy.Load() != nil })
	if by := *h.redactBy.Load(); time.Until(by) > redactAtEnd {
		t.Errorf("payloads are redacted until %v", by)
	}
	h.redactBy.Store(new(time.Now()))
	<-h.writing
	h.stop()
	got := begin(t, path).page(t, Query{Limit: 20}).Entries
	if len(got) != 9 || got[0].Params != "" || got[8].Params != "" {
		t.Errorf("entries %+v, want 9 without payloads", got)
	}
}

// FuzzPayload wants no secret in what is kept of whole JSON or its beginning, and JSON to
// stay JSON.
func FuzzPayload(f *testing.F) {
	f.Add(`{"a":"x","token":{"b":[1]}}`, "sesame-open", 9)
	f.Add(`["\u0073esame-open"]`, "sesame-open", 12)
	f.Fuzz(func(t *testing.T, text, secret string, cut int) {
		if len(secret) < 6 || strings.Contains(hidden+cutMark, secret) {
			return
		}
		r := newRedactor([]string{secret})
		value, err := json.Marshal(map[string]string{"a": text, "b": text + secret, "c": secret + text})
		if err != nil {
			t.Fatal(err)
		}
		var back map[string]string
		if got := r.payload(value); json.Unmarshal([]byte(got), &back) != nil {
			t.Fatalf("payload(%s) = %s, which is no JSON", value, got)
		}
		for key, v := range back {
			if strings.Contains(v, secret) {
				t.Fatalf("payload(%s) = %s: %q has the secret", value, v, key)
			}
		}
		r.payload(new(batch).keep([]byte(text), max(1, cut))) // must not panic
	})
}
