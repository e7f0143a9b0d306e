package proxy

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// listVersions are given out to the lists of single servers: a server that is taken away
// and comes back has others, so that who knows the old ones hears of it.
var listVersions atomic.Uint64

// A catalog is what one snapshot offers to clients. It is immutable; what is
// encoded is encoded when first asked for and then kept.
type catalog struct {
	snap   *stateview.Snapshot
	offers []*offer // in name order, one for each server of the snapshot
	index  [numKinds]index
	lists  [numKinds]list // of all servers, renamed
	ends   time.Time      // when the first grace ends that is still running; zero if none is
}

// An index tells whose an item is. It knows more than clients see: also what is
// held, and the tools of servers that are not connected.
type index struct {
	ids   []toolID          // each once, in the order of the offers and of each one's source
	names []string          // of ids, at the common endpoint
	owner map[string]toolID // by name
	shown []stateview.Item  // what clients may see, under these names
}

// An offer is one server's part of a catalog.
type offer struct {
	server string
	source stateview.ToolList
	said   stateview.Offer
	can    abilities
	shown  [numKinds][]stateview.Item // what clients may see, in the server's order
	at     map[string]int             // where a tool stands in shown, by its name
	held   map[string]bool            // of every tool the server has: whether it is withheld; nil while nothing is offered
	launch string                     // fingerprint of the launch that made it
	lost   time.Time                  // when the server was seen to be away; zero while it is connected
	awaits bool                       // whether the server is away and what it will offer is not known
	lists  [numKinds]list             // of shown, in the server's own bytes
}

// newCatalog returns the catalog of a snapshot, reusing what did not change
// since old, which may be nil. grace is how long what a server offers stays
// listed while it is away.
func newCatalog(snap *stateview.Snapshot, old *catalog, grace time.Duration) *catalog {
	c := &catalog{snap: snap}
	first := old == nil
	if first {
		old = &catalog{}
	}
	c.offers = newOffers(snap, old, grace)
	for _, o := range c.offers {
		if end := o.lost.Add(grace); !o.lost.IsZero() && (c.ends.IsZero() || end.Before(c.ends)) {
			c.ends = end
		}
	}
	for k := range numKinds {
		if !first && c.sameItems(old, k) {
			c.index[k], c.lists[k] = old.index[k], old.lists[k]
			continue
		}
		c.index[k] = c.newIndex(k)
		if !first && slices.Equal(c.index[k].shown, old.index[k].shown) {
			c.lists[k] = old.lists[k]
			continue
		}
		shown := c.index[k].shown
		c.lists[k] = list{text: sync.OnceValue(func() []byte { return encodeRenamed(k, shown) }), version: old.lists[k].version + 1}
	}
	return c
}

// newOffers returns the offers of all servers. It looks at those servers alone that
// changed since old, and at those that are away.
func newOffers(snap *stateview.Snapshot, old *catalog, grace time.Duration) []*offer {
	offers := slices.Clone(old.offers)
	for i, o := range offers {
		if o.lost.IsZero() {
			continue
		}
		if st, ok := snap.GetServer(o.server); ok {
			offers[i] = newOffer(&st, o, grace)
		}
	}
	for _, ch := range stateview.Diff(old.snap, snap) {
		i, there := findOffer(offers, ch.Name)
		switch {
		case ch.Removed:
			offers = slices.Delete(offers, i, i+1)
		case there:
			offers[i] = newOffer(&ch.After, offers[i], grace)
		default:
			offers = slices.Insert(offers, i, newOffer(&ch.After, nil, grace))
		}
	}
	return offers
}

// holds reports whether c is what a snapshot offers now. c may be nil.
func (c *catalog) holds(snap *stateview.Snapshot) bool {
	return c != nil && c.snap == snap && (c.ends.IsZero() || time.Now().Before(c.ends))
}

// newOffer returns a server's offer: was itself if it still holds. It does while
// the server is away for a moment, so that the lists of clients do not flicker: a
// call has the server tried at once, and is sent when it is back.
func newOffer(st *stateview.ServerStatus, was *offer, grace time.Duration) *offer {
	launch, open := st.Launch().ID, st.State == stateview.Connected
	if was != nil && was.held != nil && was.launch == launch && away(st) {
		switch {
		case was.lost.IsZero():
			kept := *was
			kept.lost = time.Now()
			return &kept
		case time.Since(was.lost) < grace:
			return was
		}
	}
	o := &offer{server: st.Name, source: st.Tools, said: st.Offer(), launch: launch, awaits: away(st)}
	if was != nil && was.lost.IsZero() && was.launch == launch && open == (was.held != nil) &&
		was.awaits == o.awaits && was.source.Equal(o.source) && was.said.Equal(o.said) {
		return was
	}
	if open {
		o.can = readAbilities(o.said.Capabilities)
		o.show()
	}
	for k := range numKinds {
		switch {
		case was == nil:
			o.lists[k].version = listVersions.Add(1)
		case slices.Equal(o.shown[k], was.shown[k]):
			o.lists[k] = was.lists[k]
			continue
		default:
			o.lists[k].version = listVersions.Add(1)
		}
		shown := o.shown[k]
		o.lists[k].text = sync.OnceValue(func() []byte { return encodeItems(shown) })
	}
	return o
}

// away reports whether a server is not connected but is meant to be soon.
func away(st *stateview.ServerStatus) bool {
	switch st.State {
	case stateview.Connecting, stateview.Backoff:
		return true
	case stateview.Stopping:
		return st.Enabled // it is restarted
	}
	return false
}

// show fills in what clients may see. Of a tool's name that occurs twice the first
// is shown, and none if any of them is held.
func (o *offer) show() {
	o.held = make(map[string]bool, o.source.Len())
	for t := range o.source.All() {
		o.held[t.Name] = o.held[t.Name] || t.Held
	}
	o.at = make(map[string]int, len(o.held))
	for t := range o.source.All() {
		if _, ok := o.at[t.Name]; !ok && !o.held[t.Name] {
			o.at[t.Name] = len(o.shown[tools])
			o.shown[tools] = append(o.shown[tools], stateview.Item{Key: t.Name, Definition: t.Definition})
		}
	}
	o.shown[prompts] = slices.Collect(o.said.Prompts.All())
	o.shown[resources] = slices.Collect(o.said.Resources.All())
	o.shown[templates] = slices.Collect(o.said.Templates.All())
}

// newIndex names everything of a kind. Of tools also the held ones and those of
// servers that are not connected: a name stays the same when its server comes
// and goes. What has a URI keeps it, and the first server that has it, in name
// order, owns it at the common endpoint.
func (c *catalog) newIndex(k kind) index {
	var x index
	seen := map[toolID]bool{}
	for _, o := range c.offers {
		for name := range o.keys(k) {
			id, is := toolID{o.server, name}, toolID{o.server, name}
			if k.hasURI() {
				is.server = "" // whichever has it
			}
			if !seen[is] {
				seen[is] = true
				x.ids = append(x.ids, id)
			}
		}
	}
	if k.hasURI() {
		for _, id := range x.ids {
			x.names = append(x.names, id.tool)
		}
	} else {
		x.names = nameAll(x.ids)
	}
	x.owner = make(map[string]toolID, len(x.ids))
	for i, name := range x.names {
		x.owner[name] = x.ids[i]
	}
	next := 0 // of ids, which has the items in the same order
	for _, o := range c.offers {
		for _, i := range o.shown[k] {
			for k == tools && x.ids[next] != (toolID{o.server, i.Key}) {
				next++ // it is held, or its server is not connected
			}
			if next < len(x.ids) && x.ids[next] == (toolID{o.server, i.Key}) { // else it is there already, or another server's
				x.shown = append(x.shown, stateview.Item{Key: x.names[next], Definition: i.Definition})
				next++
			}
		}
	}
	return x
}

// sameItems reports whether a kind's index and list are the same as in old.
func (c *catalog) sameItems(old *catalog, k kind) bool {
	return slices.EqualFunc(c.offers, old.offers, func(x, y *offer) bool {
		return x == y || x.server == y.server && x.lists[k].version == y.lists[k].version && (k != tools || x.source.Equal(y.source))
	})
}

// offer returns the offer of a server, or nil.
func (c *catalog) offer(server string) *offer {
	i, ok := findOffer(c.offers, server)
	if !ok {
		return nil
	}
	return c.offers[i]
}

// findOffer returns where the offer of a server stands, or belongs.
func findOffer(offers []*offer, server string) (i int, there bool) {
	return slices.BinarySearchFunc(offers, server, func(o *offer, n string) int { return strings.Compare(o.server, n) })
}

// definition returns the definition of a tool that clients may see.
func (o *offer) definition(tool string) (string, bool) {
	i, ok := o.at[tool]
	if !ok {
		return "", false
	}
	return o.shown[tools][i].Definition, true
}
