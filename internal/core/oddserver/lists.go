//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// list returns one list; that of the tools has two pages.
func (s *server) list(t *turn) string {
	cache := ""
	if s.modern() {
		cache = `,"ttlMs":60000,"cacheScope":"public"`
	}
	kind := strings.TrimSuffix(t.Method, "/list")
	late := func(all, more string) string {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.late[kind] {
			return all + "," + more
		}
		return all
	}
	switch {
	case kind == "tools" && t.Cursor == "":
		return fmt.Sprintf(`"nextCursor":"odd cursor","tools":[%s],"zeta":{"b":1,"a":2}%s`, firstTools, cache)
	case kind == "tools":
		return fmt.Sprintf(`"tools":[%s]%s`, s.reworded(late(moreTools, lateTool)), cache)
	case kind == "prompts":
		return fmt.Sprintf(`"prompts":[%s]%s`, late(prompts, latePrompt), cache)
	case kind == "resources":
		return fmt.Sprintf(`"resources":[%s]%s`, late(resources, lateResource), cache)
	}
	return fmt.Sprintf(`"resourceTemplates":[%s]%s`, templates, cache)
}

// reworded returns the tools with other words of one of them, if it was asked to change "words".
func (s *server) reworded(tools string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.late["words"] {
		return strings.Replace(tools, `{"name":"mirror",`, `{"name":"mirror",`+newWords+`,`, 1)
	}
	return tools
}

// A listener is a session, or of the newest revision a stream that was asked for.
type listener struct {
	tell  func(string)
	wants func(kind, uri string) bool // uri is empty where a list has changed
	meta  string                      // the first member of each notification's params, with a comma
}

// add makes l a listener until it is removed.
func (s *server) add(l *listener) (remove func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners[l] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.listeners, l)
	}
}

// change adds the late entry to a list, or takes it away, and tells who wants to know. So
// it does with the "words" of a tool.
func (s *server) change(kind string) {
	s.mu.Lock()
	s.late[kind] = !s.late[kind]
	s.mu.Unlock()
	if kind == "words" {
		kind = "tools"
	}
	s.announce("notifications/"+kind+"/list_changed", kind, "", "")
}

// touch tells who has subscribed to a resource that it has changed.
func (s *server) touch(uri string) {
	s.announce("notifications/resources/updated", "", uri, fmt.Sprintf(`"uri":%s,"future":{"b":1,"a":9007199254740993}`, quote(uri)))
}

func (s *server) announce(method, kind, uri, members string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.listeners {
		if l.wants(kind, uri) {
			l.tell(fmt.Sprintf(`{"jsonrpc":"2.0","method":%q,"params":{%s}}`, method, strings.TrimSuffix(l.meta+members, ",")))
		}
	}
}

// session is the listener of a caller with a session.
func (c *caller) session(tell func(string)) *listener {
	return &listener{tell: tell, wants: func(_, uri string) bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return uri == "" || c.subscribed[uri]
	}}
}

// listen serves subscriptions/listen until the caller has gone.
func (s *server) listen(t *turn) {
	n := t.Notifications
	meta := fmt.Sprintf(`"_meta":{"io.modelcontextprotocol/subscriptionId":%s},`, t.ID)
	l := &listener{tell: t.send, meta: meta, wants: func(kind, uri string) bool {
		return kind == "tools" && n.ToolsListChanged || kind == "prompts" && n.PromptsListChanged ||
			kind == "resources" && n.ResourcesListChanged || uri != "" && slices.Contains(n.ResourceSubscriptions, uri)
	}}
	var p struct{ Notifications json.RawMessage }
	_ = json.Unmarshal(t.message.Params, &p) // begin has seen that it can be read
	t.send(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{%s"notifications":%s}}`, meta, p.Notifications))
	defer s.add(l)()
	<-t.gone
}
