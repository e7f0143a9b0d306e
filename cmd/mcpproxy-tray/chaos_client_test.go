//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A caller is one client of the endpoint, made of plain HTTP so that it sees every
// answer. Its calls may be made concurrently.
type caller struct {
	url, token, session string
	name                string
	modern              bool
	http                *http.Client
}

// newCaller opens a session; a modern one needs none.
func newCaller(t testing.TB, p *program, name string, modern bool) *caller {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(p.home, "token"))
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{MaxIdleConnsPerHost: 200}
	t.Cleanup(tr.CloseIdleConnections)
	c := &caller{
		url: p.url + "/mcp", token: strings.TrimSpace(string(token)), name: name, modern: modern,
		http: &http.Client{Transport: tr, Timeout: 3 * time.Minute},
	}
	if !modern {
		c.initialize(t)
	}
	return c
}

// initialize opens a session of an older revision.
func (c *caller) initialize(t testing.TB) {
	t.Helper()
	resp, _, err := c.post("", `{"jsonrpc":"2.0","id":"i","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"caller","version":"0"}}}`)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("initialize: %v, %v", resp, err)
	}
	c.session = resp.Header.Get("Mcp-Session-Id")
	if _, _, err := c.post("", `{"jsonrpc":"2.0","method":"notifications/initialized"}`); err != nil {
		t.Fatal(err)
	}
}

func (c *caller) post(tool, body string) (*http.Response, []byte, error) {
	req, err := http.NewRequest(http.MethodPost, c.url, strings.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	for name, value := range map[string]string{
		"Authorization": "Bearer " + c.token, "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
	} {
		req.Header.Set(name, value)
	}
	switch {
	case c.modern:
		req.Header.Set("Mcp-Protocol-Version", "2026-07-28")
		req.Header.Set("Mcp-Method", "tools/call")
		req.Header.Set("Mcp-Name", tool)
	case c.session != "":
		req.Header.Set("Mcp-Session-Id", c.session)
		req.Header.Set("Mcp-Protocol-Version", "2025-11-25")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp, data, err
}

// An answer is what came back of one call.
type answer struct {
	Result json.RawMessage
	Error  *struct{ Message string }
}

// text is the text of a result.
func (a answer) text() string {
	var r struct{ Content []struct{ Text string } }
	if json.Unmarshal(a.Result, &r) != nil || len(r.Content) == 0 {
		return ""
	}
	return r.Content[0].Text
}

// notSent reports whether the answer says that the server never got the call.
func (a answer) notSent() bool {
	return a.Error != nil && strings.Contains(a.Error.Message, "not sent")
}

const callerMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"caller","version":"0"}},`

// call makes one call and returns its answer. An error is a call without an answer, with
// several, or with one that belongs to another.
func (c *caller) call(n int, tool, arguments string) (answer, error) {
	meta := ""
	if c.modern {
		meta = callerMeta
	}
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{%s"name":%q,"arguments":%s}}`, n, meta, tool, arguments)
	resp, data, err := c.post(tool, body)
	if err != nil {
		return answer{}, fmt.Errorf("%s, call %d: %w", c.name, n, err)
	}
	messages := [][]byte{data}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		messages = nil
		for line := range bytes.Lines(data) {
			if event, ok := bytes.CutPrefix(line, []byte("data: ")); ok {
				messages = append(messages, event)
			}
		}
	}
	var found []answer
	for _, m := range messages {
		var doc struct {
			ID     json.RawMessage
			Method string
			answer
		}
		if err := json.Unmarshal(m, &doc); err != nil {
			return answer{}, fmt.Errorf("%s, call %d: %s: %w in %.200q", c.name, n, resp.Status, err, m)
		}
		if doc.Method != "" {
			continue
		}
		if string(doc.ID) != strconv.Itoa(n) {
			return answer{}, fmt.Errorf("%s, call %d: an answer with id %s", c.name, n, doc.ID)
		}
		found = append(found, doc.answer)
	}
	if len(found) != 1 || (found[0].Error == nil) == (found[0].Result == nil) {
		return answer{}, fmt.Errorf("%s, call %d: %d answers: %s %.200q", c.name, n, len(found), resp.Status, data)
	}
	return found[0], nil
}

// doubles returns how many calls arrived more than once.
func doubles(t *testing.T, arrived map[string]int) (calls int) {
	t.Helper()
	for id, n := range arrived {
		if n > 1 {
			calls++
			t.Errorf("call %s arrived %d times", id, n)
		}
	}
	return calls
}

// ledger reads how often each call arrived at the servers that write to a file.
func ledger(t testing.TB, path string) map[string]int {
	t.Helper()
	counts := map[string]int{}
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for id := range strings.FieldsSeq(string(data)) {
		counts[id]++
	}
	return counts
}
