package clients

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// An Endpoint is what a client is to use.
type Endpoint struct {
	URL    string            // e.g. "http://127.0.0.1:7420/mcp"
	Token  string            // the secret of AI clients; empty if none is needed
	Bridge []string          // the command that takes a client over stdio to the same place
	Env    map[string]string // what that command needs in its environment; may be nil
}

// A style writes the entry of an endpoint as one client wants it.
type style func(Endpoint) []byte

// An entry is a server in the words of any client that keeps JSON.
type entry struct {
	Type      string            `json:"type,omitempty"`
	Command   string            `json:"command,omitempty"`
	Args      []string          `json:"args,omitempty"`
	Env       map[string]string `json:"env,omitempty"`
	URL       string            `json:"url,omitempty"`
	ServerURL string            `json:"serverUrl,omitempty"`
	HTTPURL   string            `json:"httpUrl,omitempty"`
	Transport string            `json:"transport,omitempty"`
	Headers   map[string]string `json:"headers,omitempty"`
	Tools     []string          `json:"tools,omitempty"`
	Enabled   bool              `json:"enabled,omitempty"`
	Disabled  *bool             `json:"disabled,omitempty"`
	Approve   []string          `json:"autoApprove,omitzero"`
}

func (e entry) json() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		panic(err) // texts always can
	}
	return bytes.TrimSpace(b.Bytes())
}

func (e Endpoint) headers() map[string]string {
	if e.Token == "" {
		return nil
	}
	return map[string]string{"Authorization": "Bearer " + e.Token}
}

func asURL(e Endpoint) []byte       { return entry{URL: e.URL, Headers: e.headers()}.json() }
func asServerURL(e Endpoint) []byte { return entry{ServerURL: e.URL, Headers: e.headers()}.json() }
func asHTTPURL(e Endpoint) []byte   { return entry{HTTPURL: e.URL, Headers: e.headers()}.json() }
func asHTTP(e Endpoint) []byte {
	return entry{Type: "http", URL: e.URL, Headers: e.headers()}.json()
}

func asStreamable(e Endpoint) []byte {
	return entry{Type: "streamable-http", URL: e.URL, Headers: e.headers()}.json()
}

func asHTTPWithTools(e Endpoint) []byte {
	return entry{Type: "http", URL: e.URL, Headers: e.headers(), Tools: []string{"*"}}.json()
}

func asURLWithTransport(e Endpoint) []byte {
	return entry{URL: e.URL, Transport: "http", Headers: e.headers()}.json()
}

// asCline spells the type as Cline wants it: with any other word it uses the old transport.
func asCline(e Endpoint) []byte {
	return entry{Type: "streamableHttp", URL: e.URL, Headers: e.headers(), Disabled: new(false), Approve: []string{}}.json()
}

// asRemote is opencode's first notation; the second has no "enabled", see slotIn.
func asRemote(e Endpoint) []byte {
	return entry{Type: "remote", URL: e.URL, Headers: e.headers(), Enabled: true}.json()
}

func asRemoteV2(e Endpoint) []byte {
	return entry{Type: "remote", URL: e.URL, Headers: e.headers()}.json()
}

// asBridge is for clients that know only servers that they can start.
func asBridge(e Endpoint) []byte {
	return entry{Command: e.Bridge[0], Args: e.Bridge[1:], Env: e.Env}.json()
}

// asPasted is a whole document, to be pasted.
func asPasted(e Endpoint) []byte {
	var b bytes.Buffer
	text := fmt.Appendf(nil, `{"mcpServers":{%q:%s}}`, Name, asURL(e))
	if err := json.Indent(&b, text, "", "  "); err != nil {
		panic(err) // it was made by us
	}
	return b.Bytes()
}

// asGoose and asContinue are YAML, to be put in by hand.
func asGoose(e Endpoint) []byte {
	b := fmt.Appendf(nil, "extensions:\n  %s:\n    enabled: true\n    name: %s\n    type: streamable_http\n    uri: %s\n    timeout: 300\n", Name, Name, e.URL)
	if e.Token != "" {
		b = fmt.Appendf(b, "    headers:\n      Authorization: \"Bearer %s\"\n", e.Token)
	}
	return b
}

func asContinue(e Endpoint) []byte {
	b := fmt.Appendf(nil, "mcpServers:\n  - name: %s\n    type: streamable-http\n    url: %s\n", Name, e.URL)
	if e.Token != "" {
		b = fmt.Appendf(b, "    requestOptions:\n      headers:\n        Authorization: \"Bearer %s\"\n", e.Token)
	}
	return b
}
