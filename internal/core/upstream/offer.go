package upstream

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"mcpproxy-tray/internal/core/rawjson"
	"mcpproxy-tray/internal/stateview"
)

// kinds is a set of the lists that a server keeps.
type kinds uint32

const (
	kindTools kinds = 1 << iota
	kindPrompts
	kindResources // templates too
	allKinds      = kindTools | kindPrompts | kindResources
)

func (k kinds) has(o kinds) bool { return k&o != 0 }

// changedKinds are the notifications by which a server says that a list changed.
var changedKinds = map[string]kinds{
	"notifications/tools/list_changed":     kindTools,
	"notifications/prompts/list_changed":   kindPrompts,
	"notifications/resources/list_changed": kindResources,
}

// otherListTime bounds the listing of all that is not tools: a server may declare
// prompts and never list them, and its tools are what it is there for.
const otherListTime = 10 * time.Second

// A catalog is what a session's server offered when it was last asked.
type catalog struct {
	about stateview.Offer // without lists; set by the handshake

	busy  chan struct{} // one slot: who holds it may use the fields below
	tools stateview.ToolList
	lists [3]stateview.ItemList // as otherLists
}

// otherLists are all but that of the tools.
var otherLists = [3]struct {
	kind                kinds
	method, member, key string
}{
	{kindPrompts, "prompts/list", "prompts", "name"},
	{kindResources, "resources/list", "resources", "uri"},
	{kindResources, "resources/templates/list", "resourceTemplates", "uriTemplate"},
}

// Lists returns what the server says of itself and offers. It asks for the lists
// that it has not got yet, and for those that the server said have changed. Only
// the tools must be had: another list that cannot stays as it was.
func (s *Session) Lists(ctx context.Context) (stateview.ToolList, stateview.Offer, error) {
	c := &s.catalog
	select {
	case c.busy <- struct{}{}:
		defer func() { <-c.busy }()
	case <-ctx.Done():
		return stateview.ToolList{}, stateview.Offer{}, context.Cause(ctx)
	}
	stale := kinds(s.wire.stale.Swap(0)) & s.declared
	err := s.refresh(ctx, stale)
	if err != nil {
		s.wire.stale.Or(uint32(stale))
		return stateview.ToolList{}, stateview.Offer{}, err
	}
	o := c.about
	o.Prompts, o.Resources, o.Templates = c.lists[0], c.lists[1], c.lists[2]
	return c.tools, o, nil
}

// refresh asks for the lists of those kinds. The caller holds catalog.busy.
func (s *Session) refresh(ctx context.Context, stale kinds) error {
	if stale.has(kindTools) {
		tools, err := s.Tools(ctx)
		if err != nil {
			return err
		}
		s.catalog.tools = stateview.NewToolList(tools)
	}
	bound, cancel := context.WithTimeout(ctx, otherListTime)
	defer cancel()
	var asked sync.WaitGroup
	for i, l := range otherLists {
		if !stale.has(l.kind) {
			continue
		}
		asked.Go(func() {
			items, err := s.listAll(bound, l.method, l.member, l.key)
			if err != nil {
				s.log.Warn("list not to be had", "method", l.method, "err", err)
				return
			}
			s.catalog.lists[i] = stateview.NewItemList(items)
		})
	}
	asked.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return s.wire.cause()
}

// noteGreeting keeps the newest result that the library got: the one with which
// the server greets, once the handshake is done.
func (w *wire) noteGreeting(result json.RawMessage, kept bool) {
	if result == nil {
		return
	}
	result = relayed(result, kept)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.greeting = result
}

// about returns what a server says of itself when it greets, as its own bytes.
func (w *wire) about() (o stateview.Offer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for m := range rawjson.Members(w.greeting) {
		switch string(m.Key) {
		case "serverInfo":
			o.Info = object(m.Value)
		case "capabilities":
			o.Capabilities = object(m.Value)
		case "instructions":
			_ = json.Unmarshal(m.Value, &o.Instructions) // not a string: none
		case "_meta": // where 2026-07-28 has it
			for meta := range rawjson.Members(m.Value) {
				if o.Info == "" && string(meta.Key) == metaServer {
					o.Info = object(meta.Value)
				}
			}
		}
	}
	w.greeting = nil
	return o
}

// object returns a JSON object as it stands, and nothing for any other value.
func object(value json.RawMessage) string {
	if len(value) == 0 || value[0] != '{' {
		return ""
	}
	return string(value)
}
