package upstream

import (
	"context"
	"encoding/json"
	"fmt"

	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/core/rawjson"
	"mcpproxy-tray/internal/stateview"
)

// Limits against a list that never ends.
const (
	maxToolPages = 500
	maxTools     = 20_000
)

// Tools lists the server's tools, all pages, each with its definition exactly as
// the server sent it. A server that declared no tools has none.
func (s *Session) Tools(ctx context.Context) ([]stateview.Tool, error) {
	if !s.hasTools {
		return nil, nil
	}
	var tools []stateview.Tool
	names, cursors := map[string]bool{}, map[string]bool{}
	var params json.RawMessage
	for range maxToolPages {
		result, rpcErr, err := s.Request(ctx, call.Request{Method: "tools/list", Params: params})
		if err != nil {
			return nil, err
		}
		if rpcErr != nil {
			return nil, pBadList.with(errorMessage(rpcErr, s.wire.secrets))
		}
		page, cursor, err := toolPage(result)
		if err != nil {
			return nil, s.wire.secrets.cover(pBadList.with(plain(err)).because(err))
		}
		for _, t := range page {
			if t.Name == "" || names[t.Name] {
				s.log.Warn("tool without a name of its own is left out", "tool", s.wire.secrets.show(t.Name, 100))
				continue
			}
			names[t.Name] = true
			tools = append(tools, t)
		}
		if cursor == "" {
			return tools, nil
		}
		if cursors[cursor] || len(tools) > maxTools {
			break
		}
		cursors[cursor] = true
		quoted, _ := json.Marshal(cursor) // a string always can
		params = fmt.Appendf(nil, `{"cursor":%s}`, quoted)
	}
	return nil, pBadList.with("its pages never end")
}

// toolPage cuts a result of tools/list.
func toolPage(result json.RawMessage) (tools []stateview.Tool, cursor string, err error) {
	var list, next []byte
	err = rawjson.EachMember(result, func(m rawjson.Member) {
		switch string(m.Key) {
		case "tools":
			list = m.Value
		case "nextCursor":
			next = m.Value
		}
	})
	if err != nil {
		return nil, "", err
	}
	if next != nil {
		if err := json.Unmarshal(next, &cursor); err != nil {
			return nil, "", fmt.Errorf("nextCursor is not a string: %w", err)
		}
	}
	err = rawjson.EachElement(list, func(tool json.RawMessage) {
		tools = append(tools, stateview.Tool{Name: toolName(tool), Definition: string(tool)})
	})
	if err != nil {
		return nil, "", fmt.Errorf("no array of tools: %w", err)
	}
	return tools, cursor, nil
}

// toolName returns a definition's name, or nothing if it has no usable one.
func toolName(tool []byte) (name string) {
	_ = rawjson.EachMember(tool, func(m rawjson.Member) {
		if string(m.Key) == "name" {
			name = ""
			_ = json.Unmarshal(m.Value, &name) // not a string: no name
		}
	})
	return name
}

// errorMessage returns the message of a JSON-RPC error, fit to be shown.
func errorMessage(rpcErr json.RawMessage, hide secrets) string {
	var e struct {
		Code    int
		Message string
	}
	if json.Unmarshal(rpcErr, &e) != nil || e.Message == "" {
		return hide.show(string(rpcErr), 200)
	}
	return hide.show(e.Message, 200)
}
