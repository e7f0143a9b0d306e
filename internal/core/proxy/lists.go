package proxy

import (
	"bytes"
	"iter"
	"slices"

	"mcpproxy-tray/internal/core/rawjson"
	"mcpproxy-tray/internal/stateview"
)

// A kind is one of the lists that a server has.
type kind int

const (
	tools kind = iota
	prompts
	resources
	templates
	numKinds
)

// kinds has the protocol's words for each kind.
var kinds = [numKinds]struct {
	list    string // the method that lists it
	changed string // the notification that the list changed
	member  string // of that method's result
	noun    string
}{
	tools:     {"tools/list", "notifications/tools/list_changed", "tools", "tool"},
	prompts:   {"prompts/list", "notifications/prompts/list_changed", "prompts", "prompt"},
	resources: {"resources/list", "notifications/resources/list_changed", "resources", "resource"},
	templates: {"resources/templates/list", "notifications/resources/list_changed", "resourceTemplates", "resource template"},
}

// listedBy returns the kind that a method lists.
func listedBy(method string) (kind, bool) {
	for k := range numKinds {
		if kinds[k].list == method {
			return k, true
		}
	}
	return 0, false
}

// hasURI reports whether an item is known by a URI, which is never changed,
// instead of a name.
func (k kind) hasURI() bool { return k == resources || k == templates }

// A list is what clients see of a kind: made when first asked for and then kept.
type list struct {
	text    func() []byte // a JSON array
	version uint64        // changes whenever text does; see listVersions
}

// versions are those of one client's lists.
type versions [numKinds]uint64

// noLists are the lists of a server that is not there.
var noLists = func() (l [numKinds]list) {
	for k := range numKinds {
		l[k].text = func() []byte { return []byte("[]") }
	}
	return l
}()

// listsOf returns the lists of a server, or of all for "".
func (c *catalog) listsOf(server string) *[numKinds]list {
	if server == "" {
		return &c.lists
	}
	if o := c.offer(server); o != nil {
		return &o.lists
	}
	return &noLists
}

// has reports whether a server, or any for "", has a list of a kind.
func (c *catalog) has(server string, k kind) bool {
	if server != "" {
		o := c.offer(server)
		return o == nil || o.has(k)
	}
	return k == tools || slices.ContainsFunc(c.offers, func(o *offer) bool { return o.has(k) })
}

// keys yields the names or URIs of all that a server has of a kind.
func (o *offer) keys(k kind) iter.Seq[string] {
	return func(yield func(string) bool) {
		if k == tools {
			for t := range o.source.All() {
				if !yield(t.Name) {
					return
				}
			}
			return
		}
		for _, i := range o.shown[k] {
			if !yield(i.Key) {
				return
			}
		}
	}
}

// encodeItems returns the definitions as the server wrote them.
func encodeItems(items []stateview.Item) []byte {
	size := 2
	for _, i := range items {
		size += len(i.Definition) + 1
	}
	text := append(make([]byte, 0, size), '[')
	for n, i := range items {
		if n > 0 {
			text = append(text, ',')
		}
		text = append(text, i.Definition...)
	}
	return rawjson.OneLine(append(text, ']'))
}

// encodeRenamed returns the definitions with the names that they have at the common
// endpoint; what is known by a URI stays as it is.
func encodeRenamed(k kind, items []stateview.Item) []byte {
	if k.hasURI() {
		return encodeItems(items)
	}
	size := 2
	for _, i := range items {
		size += len(i.Definition) + len(i.Key) + 1
	}
	text := append(make([]byte, 0, size), '[')
	var def []byte
	for n, i := range items {
		if n > 0 {
			text = append(text, ',')
		}
		def = append(def[:0], i.Definition...)
		text = appendRenamed(text, def, i.Key)
	}
	return rawjson.OneLine(append(text, ']'))
}

// listResult returns the result of a list method around an encoded list, in
// pieces: the list is never copied. self is who answers, as JSON.
func listResult(k kind, list []byte, modern bool, self []byte) [][]byte {
	if !modern {
		return [][]byte{[]byte(`{"` + kinds[k].member + `":`), list, []byte(`}`)}
	}
	// The lists of several servers are merged for this one user and change when
	// he toggles a server: nobody may keep them.
	return [][]byte{
		[]byte(`{"resultType":"complete","` + kinds[k].member + `":`), list,
		bytes.Join([][]byte{[]byte(`,"ttlMs":0,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":`), self, []byte(`}}`)}, nil),
	}
}
