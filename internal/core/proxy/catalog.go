package proxy

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"time"

	"mcpproxy-tray/internal/core/rawjson"
	"mcpproxy-tray/internal/stateview"
)

// A catalog is what one snapshot offers to clients. It is immutable; what is
// encoded is encoded when first asked for and then kept.
type catalog struct {
	snap    *stateview.Snapshot
	offers  []*offer // in name order, one for each server of the snapshot
	names   map[string]toolID
	list    func() []byte // the JSON array of all tools, renamed
	version uint64        // changes whenever list does
}

// An offer is one server's part of a catalog.
type offer struct {
	server  string
	source  stateview.ToolList
	tools   []stateview.Tool // those clients may see, in the server's order
	held    map[string]bool  // of every tool the server has: whether it is withheld
	launch  string           // fingerprint of the launch that made it
	lost    time.Time        // when the server was seen to be away; zero while it is connected
	list    func() []byte    // the JSON array of tools, in the server's own bytes
	version uint64           // changes whenever tools does
}

// newCatalog returns the catalog of a snapshot, reusing what did not change
// since old, which may be nil. It returns old with the new snapshot if nothing did.
func newCatalog(snap *stateview.Snapshot, old *catalog) *catalog {
	c := &catalog{snap: snap}
	if old == nil {
		old = &catalog{}
	}
	same := true
	for st := range snap.Servers() {
		was := old.offer(st.Name)
		now := newOffer(&st, was)
		same = same && now == was
		c.offers = append(c.offers, now)
	}
	if same && len(c.offers) == len(old.offers) && old.list != nil {
		c.names, c.list, c.version = old.names, old.list, old.version
		return c
	}
	ids, names := c.index()
	c.list = sync.OnceValue(func() []byte { return c.encode(ids, names) })
	c.version = old.version + 1
	if old.list != nil && c.sameTools(old) {
		c.list, c.version = old.list, old.version
	}
	return c
}

// grace is how long a server's tools stay listed while it is away. It ends with
// the first change of any server after it.
const grace = 30 * time.Second

// newOffer returns a server's offer: was itself if it still holds. It does while
// the server is away for a moment, so that the lists of clients do not flicker: a
// call has the server tried at once, and is sent when it is back.
func newOffer(st *stateview.ServerStatus, was *offer) *offer {
	source, launch := st.Tools, st.Launch().ID
	open := st.State == stateview.Connected
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
	if was != nil && was.lost.IsZero() && was.launch == launch && was.source.Equal(source) && open == (was.held != nil) {
		return was
	}
	o := &offer{server: st.Name, source: source, launch: launch, version: 1}
	if open {
		o.show()
	}
	o.list = sync.OnceValue(o.encode)
	if was != nil {
		o.version = was.version + 1
		if slices.Equal(o.tools, was.tools) {
			o.list, o.version = was.list, was.version
		}
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

// show fills in what clients may see. Of a name that occurs twice the first is
// shown, and none if any of them is held.
func (o *offer) show() {
	o.held = make(map[string]bool, o.source.Len())
	for t := range o.source.All() {
		o.held[t.Name] = o.held[t.Name] || t.Held
	}
	seen := make(map[string]bool, len(o.held))
	for t := range o.source.All() {
		if !o.held[t.Name] && !seen[t.Name] {
			o.tools = append(o.tools, t)
			seen[t.Name] = true
		}
	}
}

func (o *offer) encode() []byte {
	list := []byte{'['}
	for i, t := range o.tools {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, t.Definition...)
	}
	return rawjson.OneLine(append(list, ']'))
}

// index names all tools, also the held ones and those of servers that are not
// connected: a name stays the same when its server comes and goes.
func (c *catalog) index() (ids []toolID, names []string) {
	seen := map[toolID]bool{}
	for _, o := range c.offers {
		for t := range o.source.All() {
			if id := (toolID{o.server, t.Name}); !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
	}
	names = nameAll(ids)
	c.names = make(map[string]toolID, len(ids))
	for i, name := range names {
		c.names[name] = ids[i]
	}
	return ids, names
}

func (c *catalog) encode(ids []toolID, names []string) []byte {
	exposed := make(map[toolID]string, len(ids))
	size := 2
	for i, id := range ids {
		exposed[id] = names[i]
	}
	for _, o := range c.offers {
		for _, t := range o.tools {
			size += len(t.Definition) + len(o.server) + 3
		}
	}
	list := append(make([]byte, 0, size), '[')
	for _, o := range c.offers {
		for _, t := range o.tools {
			if len(list) > 1 {
				list = append(list, ',')
			}
			list = appendRenamed(list, []byte(t.Definition), exposed[toolID{o.server, t.Name}])
		}
	}
	return rawjson.OneLine(append(list, ']'))
}

// sameTools reports whether clients see the same tools under the same names as in old.
func (c *catalog) sameTools(old *catalog) bool {
	shown := func(c *catalog) []*offer {
		return slices.DeleteFunc(slices.Clone(c.offers), func(o *offer) bool { return len(o.tools) == 0 })
	}
	a, b := shown(c), shown(old)
	if !slices.EqualFunc(a, b, func(x, y *offer) bool { return x.server == y.server && x.version == y.version }) {
		return false
	}
	for name, id := range c.names {
		if was, ok := old.names[name]; (!ok || was != id) && c.visible(id) {
			return false
		}
	}
	return true
}

// offer returns the offer of a server, or nil.
func (c *catalog) offer(server string) *offer {
	i, ok := slices.BinarySearchFunc(c.offers, server, func(o *offer, n string) int { return strings.Compare(o.server, n) })
	if !ok {
		return nil
	}
	return c.offers[i]
}

func (c *catalog) visible(id toolID) bool {
	o := c.offer(id.server)
	if o == nil {
		return false
	}
	held, ok := o.held[id.tool]
	return ok && !held
}

// listResult returns the result of tools/list around an encoded list, in
// pieces: the list is never copied. self is our name and version as JSON.
func listResult(list []byte, modern bool, self []byte) [][]byte {
	if !modern {
		return [][]byte{[]byte(`{"tools":`), list, []byte(`}`)}
	}
	// The lists of several servers are merged for this one user and change when
	// he toggles a server: nobody may keep them.
	return [][]byte{
		[]byte(`{"resultType":"complete","tools":`), list,
		bytes.Join([][]byte{[]byte(`,"ttlMs":0,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":`), self, []byte(`}}`)}, nil),
	}
}
