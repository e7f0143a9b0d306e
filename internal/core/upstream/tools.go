package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/core/rawjson"
	"mcpproxy-tray/internal/stateview"
)

// Limits against a list that never ends.
const (
	maxPages = 500
	maxItems = 20_000
)

// Tools lists the server's tools, all pages, each with its definition exactly as
// the server sent it. A server that declared no tools has none.
func (s *Session) Tools(ctx context.Context) ([]stateview.Tool, error) {
	if !s.declared.has(kindTools) {
		return nil, nil
	}
	items, err := s.listAll(ctx, "tools/list", "tools", "name")
	if err != nil {
		return nil, err
	}
	tools := make([]stateview.Tool, len(items))
	for i, item := range items {
		tools[i] = stateview.Tool{Name: item.Key, Definition: item.Definition}
		if s.remote != nil {
			s.remote.repeated.Note(item.Key, item.Definition)
		}
	}
	return tools, nil
}

// listAll returns the elements of a list, all pages, in the server's order. member
// is that of the result which holds them, key the member that names one.
func (s *Session) listAll(ctx context.Context, method, member, key string) ([]stateview.Item, error) {
	var all []stateview.Item
	keys, cursors := map[string]bool{}, map[string]bool{}
	var params json.RawMessage
	for range maxPages {
		result, rpcErr, err := s.Request(ctx, call.Request{Method: method, Params: params})
		if err != nil {
			return nil, err
		}
		if rpcErr != nil {
			return nil, pBadList.with(errorMessage(rpcErr, s.wire.secrets))
		}
		items, cursor, err := page(result, member, key)
		if err != nil {
			return nil, s.wire.secrets.cover(pBadList.with(plain(err)).because(err))
		}
		for _, item := range items {
			if item.Key == "" || keys[item.Key] {
				s.log.Warn("what has no name of its own is left out", "list", member, "name", s.wire.secrets.show(item.Key, 100))
				continue
			}
			keys[item.Key] = true
			all = append(all, item)
		}
		if cursor == "" {
			return all, nil
		}
		if cursors[cursor] || len(all) > maxItems {
			break
		}
		cursors[cursor] = true
		quoted, _ := json.Marshal(cursor) // a string always can
		params = fmt.Appendf(nil, `{"cursor":%s}`, quoted)
	}
	return nil, pBadList.with("its pages never end")
}

// page cuts the result of a list.
func page(result json.RawMessage, member, key string) (items []stateview.Item, cursor string, err error) {
	var list, next []byte
	err = rawjson.EachMember(result, func(m rawjson.Member) {
		switch string(m.Key) {
		case member:
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
			return nil, "", errors.New("nextCursor is not a string")
		}
	}
	err = rawjson.EachElement(list, func(item json.RawMessage) {
		items = append(items, stateview.Item{Key: keyOf(item, key), Definition: string(item)})
	})
	if err != nil {
		return nil, "", fmt.Errorf("no array of %s: %w", member, err)
	}
	return items, cursor, nil
}

// keyOf returns the string that names a definition, or nothing if it has no usable one.
func keyOf(item []byte, key string) (name string) {
	_ = rawjson.EachMember(item, func(m rawjson.Member) {
		if string(m.Key) == key {
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
