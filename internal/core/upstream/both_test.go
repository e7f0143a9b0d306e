package upstream

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
)

// A both is a server written by hand that says things by itself: it asks, tells
// and changes its lists. It speaks 2025-11-25, or 2026-07-28 if it is modern.
type both struct {
	has func(string) bool
	say func(format string, args ...any)

	grown atomic.Int32 // how often its lists changed
}

// bothGreeting is what it says of itself, oddly written.
const (
	bothInfo         = `{"version" : "1","name":"both","x-n":12345678901234567890}`
	bothCapabilities = `{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"listChanged":true,"subscribe":true},"logging":{},"x-new":{"deep":[1.0]}}`
	bothPrompt       = `{"x-a":1e2,"name":"greet","arguments":[{"name":"who"}]}`
	bothResource     = `{"uri":"file:///a","name":"a","size":12345678901234567890}`
	bothTemplate     = `{"uriTemplate":"file:///{path}","name":"any"}`
)

func newBoth(mode string, say func(format string, args ...any)) *both {
	return &both{has: func(what string) bool { return strings.Contains(mode+"+", "+"+what+"+") }, say: say}
}

// serveBoth is the main function of such a server over stdio.
func serveBoth(mode string) {
	b := newBoth(mode, say)
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		b.heard([]byte(line))
	}
}

// heard answers one message.
func (b *both) heard(line []byte) {
	var m struct {
		ID     json.RawMessage
		Method string
		Params json.RawMessage
	}
	if err := json.Unmarshal(line, &m); err != nil {
		fmt.Fprintln(os.Stderr, "bad input:", string(line))
		os.Exit(9)
	}
	if m.ID == nil {
		return
	}
	result := b.result(m.Method, string(m.Params))
	if result == "" {
		b.say(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"Method not found"}}`, m.ID)
		return
	}
	b.say(`{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, result)
}

func (b *both) result(method, params string) string {
	switch {
	case method == methodDiscover && b.has("modern"):
		return `{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":` + bothCapabilities +
			`,"instructions":"Be\u0020kind.","_meta":{"io.modelcontextprotocol/serverInfo":` + bothInfo + `}}`
	case method == "initialize":
		return `{"protocolVersion":"2025-11-25","capabilities":` + bothCapabilities + `,"serverInfo":` + bothInfo + `,"instructions":"Be\u0020kind."}`
	case method == "tools/list":
		return `{"tools":[{"name":"a"}]}`
	case b.has("toolsonly"): // whatever it declared
		return ""
	case method == "prompts/list" && strings.Contains(params, "cursor"):
		return `{"prompts":[{"name":"last"},{"name":"greet"},{"title":"nameless"}]}`
	case method == "prompts/list":
		return `{"prompts":[` + bothPrompt + `],"nextCursor":"2"}`
	case method == "resources/list":
		list := bothResource
		for i := range b.grown.Load() {
			list += fmt.Sprintf(`,{"uri":"file:///grown%d"}`, i)
		}
		return `{"resources":[` + list + `]}`
	case method == "resources/templates/list":
		return `{"resourceTemplates":[` + bothTemplate + `]}`
	case method == "grow":
		b.grown.Add(1)
		b.say(`{"jsonrpc":"2.0","method":"notifications/resources/list_changed"}`)
		return `{}`
	}
	return ""
}
