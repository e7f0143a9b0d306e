package proxy

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"mcpproxy-tray/internal/core/rawjson"
)

// A route is where a request goes.
type route struct {
	server string
	params json.RawMessage                     // the client's own bytes, but for names of ours
	admit  func() error                        // whether it may be sent now; see call.Request
	answer []byte                              // the result, if the endpoint has it itself; then nothing is sent
	finish func(result json.RawMessage) []byte // what the client gets of a result; nil: the same

	refused error // why answer says that nothing was called; nil: it does not
	note    *note // of the call; nil: it is not recorded
}

// route says where a client's request goes, or why it goes nowhere. It refuses what
// the endpoint answers itself: a handshake, a list, a level for the log, which is one
// for all clients of a server.
func (s *scope) route(c *catalog, m *message, modern bool) (route, error) {
	switch m.method {
	case "tools/call":
		r, err := s.routeCall(c, m)
		return s.learning(c, r), err
	case "initialize", "server/discover", "subscriptions/listen", "ping", "logging/setLevel":
		return route{}, notOffered(m.method)
	}
	if _, ok := listedBy(m.method); ok {
		return route{}, notOffered(m.method)
	}
	if s.server != "" {
		return s.routeTo(c, s.server, m.params)
	}
	switch m.method {
	case "prompts/get":
		return s.routeNamed(c, prompts, m.params)
	case "resources/read", "resources/subscribe", "resources/unsubscribe":
		return s.routeURI(c, m.params, modern)
	case "completion/complete":
		return s.routeCompletion(c, m.params, modern)
	case "tasks/get", "tasks/result", "tasks/cancel", "tasks/update":
		return s.routeTask(c, m.params)
	}
	return route{}, notOffered(m.method)
}

// routeTo sends a request to a server as long as it stays the same one.
func (s *scope) routeTo(c *catalog, server string, params json.RawMessage) (route, error) {
	if err := sameServer(c, c, server); err != nil {
		return route{}, err
	}
	return route{server: server, params: params, admit: func() error { return sameServer(c, s.catalog(), server) }}, nil
}

// sameServer returns nil if a server can be asked, and is in now what it was in then.
func sameServer(then, now *catalog, server string) error {
	st, ok := now.snap.GetServer(server)
	if !ok {
		return invalid(fmt.Sprintf("There is no server %q.", shorten(server)))
	}
	if err := stateRefusal(st.Name, st.State); err != nil && (!away(&st) || now.offer(server).held == nil) {
		return err
	}
	if was := then.offer(server); was == nil || was.launch != now.offer(server).launch {
		return internalError(fmt.Sprintf("The server %q was replaced by another one; the request was not sent.", server))
	}
	return nil
}

func (s *scope) routeCall(c *catalog, m *message) (route, error) {
	if s.search != nil {
		return s.search.route(c, m)
	}
	return s.routeNamed(c, tools, m.params)
}

// routeNamed routes what names a tool or a prompt.
func (s *scope) routeNamed(c *catalog, k kind, params json.RawMessage) (route, error) {
	asked, err := text(params, "name")
	if err != nil {
		return route{}, err
	}
	id := toolID{s.server, asked}
	if s.server == "" {
		var ok bool
		if id, ok = c.index[k].owner[asked]; !ok {
			return route{}, unknown(c, k, asked)
		}
		params = appendRenamed(nil, params, id.tool)
	}
	if k != tools {
		return s.routeTo(c, id.server, params)
	}
	if err := refusal(c, id, asked); err != nil {
		return route{}, err
	}
	return route{server: id.server, params: params, admit: func() error { return admits(c, s.catalog(), id, asked) }}, nil
}

// admits returns nil if a tool that was found in then, under the name asked, can be called
// now, and its server is still that one.
func admits(then, now *catalog, id toolID, asked string) error {
	if err := refusal(now, id, asked); err != nil {
		return err
	}
	return sameServer(then, now, id.server)
}

// notFoundCode is the error of a resource that nobody has, before revision 2026-07-28.
const notFoundCode = -32002

// routeURI routes what names a resource.
func (s *scope) routeURI(c *catalog, params json.RawMessage, modern bool) (route, error) {
	uri, err := text(params, "uri")
	if err != nil {
		return route{}, err
	}
	server, ok := c.ownerOf(uri)
	if !ok {
		code := int64(notFoundCode)
		if modern {
			code = jsonrpc.CodeInvalidParams
		}
		data, _ := json.Marshal(struct { // a string always encodes
			URI string `json:"uri"`
		}{shorten(uri)})
		return route{}, &jsonrpc.Error{Code: code, Message: "No server has this resource.", Data: data}
	}
	return s.routeTo(c, server, params)
}

// ownerOf returns the server that has a resource, listed or by a template.
func (c *catalog) ownerOf(uri string) (server string, ok bool) {
	if id, ok := c.index[resources].owner[uri]; ok {
		return id.server, true
	}
	best := -1
	for _, id := range c.index[templates].ids {
		if n, ok := matchTemplate(id.tool, uri); ok && n > best {
			best, server = n, id.server
		}
	}
	return server, best >= 0
}

// routeCompletion routes by what is to be completed: an argument of a prompt or of
// a resource template.
func (s *scope) routeCompletion(c *catalog, params json.RawMessage, modern bool) (route, error) {
	ref, err := member(params, "ref")
	if err != nil {
		return route{}, err
	}
	kind, err := text(ref.Value, "type")
	if err != nil {
		return route{}, err
	}
	switch kind {
	case "ref/prompt":
		r, err := s.routeNamed(c, prompts, ref.Value)
		if err != nil {
			return route{}, err
		}
		r.params = splice(params, ref, r.params)
		return r, nil
	case "ref/resource":
		uri, err := text(ref.Value, "uri")
		if err != nil {
			return route{}, err
		}
		if id, ok := c.index[templates].owner[uri]; ok {
			return s.routeTo(c, id.server, params)
		}
		r, err := s.routeURI(c, ref.Value, modern)
		r.params = params
		return r, err
	}
	return route{}, invalid(`The "ref" of the request is neither of a prompt nor of a resource.`)
}

// unknown answers for a name that no item has. Where it looks like one of a server
// that is not there, the server's state is the better answer.
func unknown(c *catalog, k kind, asked string) error {
	for st := range c.snap.Servers() {
		if strings.HasPrefix(asked, clean(st.Name)+"__") {
			if err := stateRefusal(st.Name, st.State); err != nil {
				return err
			}
		}
	}
	return invalid(fmt.Sprintf("There is no %s %q.", kinds[k].noun, shorten(asked)))
}

func notOffered(method string) error {
	return &jsonrpc.Error{Code: jsonrpc.CodeMethodNotFound, Message: fmt.Sprintf("This endpoint does not offer %q.", shorten(method))}
}

// member returns a member of params that must be there, and once only: two readers
// of one request must not disagree about it.
func member(params json.RawMessage, key string) (found rawjson.Member, err error) {
	for m := range rawjson.Members(params) {
		if string(m.Key) != key {
			continue
		}
		if found.Value != nil {
			return rawjson.Member{}, invalid(fmt.Sprintf("The params have %q twice.", key))
		}
		found = m
	}
	if found.Value == nil {
		return rawjson.Member{}, invalid(fmt.Sprintf("The params have no %q.", key))
	}
	return found, nil
}

// text returns a member that must be a string.
func text(params json.RawMessage, key string) (string, error) {
	m, err := member(params, key)
	if err == nil && m.Value[0] != '"' {
		err = invalid(fmt.Sprintf("The %q of the params is not a string.", key))
	}
	if err != nil {
		return "", err
	}
	return unquote(m.Value), nil
}

// splice returns obj with the value of one of its members replaced.
func splice(obj []byte, m rawjson.Member, value []byte) []byte {
	out := make([]byte, 0, len(obj)-len(m.Value)+len(value))
	out = append(append(out, obj[:m.ValueStart]...), value...)
	return append(out, obj[m.End:]...)
}
