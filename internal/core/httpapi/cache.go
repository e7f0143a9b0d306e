package httpapi

import (
	"crypto/rand"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"mcpproxy-tray/internal/stateview"
)

// A cache holds the encoding of the newest snapshot that was asked for.
// Requests for the same version share it.
type cache struct {
	run string // differs from one start of the program to the next, as its versions begin anew
	cur atomic.Pointer[encoded]
}

// encoded is the document of all servers of a snapshot. Nobody changes it.
type encoded struct {
	snap *stateview.Snapshot
	body []byte // of GET /api/v1/servers

	first int   // where the first server begins in body
	ends  []int // where each of them ends, in name order
}

// newRun returns what tells this start of the program from others.
func newRun() string { return rand.Text()[:8] }

// tag returns the ETag of a snapshot.
func (c *cache) tag(snap *stateview.Snapshot) string {
	return `"` + c.run + "-" + strconv.FormatUint(snap.Seq(), 10) + `"`
}

// servers returns the document of all servers. Two callers that miss at once
// both encode; either result may stay.
func (c *cache) servers(snap *stateview.Snapshot) []byte {
	old := c.cur.Load()
	if old != nil && old.snap == snap {
		return old.body
	}
	e := encodeServers(old, snap)
	c.cur.Store(e)
	return e.body
}

// encodeServers encodes the servers that differ from those of old, which may be
// nil or newer, and copies the others from there.
func encodeServers(old *encoded, snap *stateview.Snapshot) *encoded {
	if old == nil {
		old = &encoded{}
	}
	e := &encoded{snap: snap, body: make([]byte, 0, len(old.body)+len(old.body)/8), ends: make([]int, 0, snap.Count())}
	e.body = strconv.AppendUint(append(e.body, `{"version":`...), snap.Seq(), 10)
	e.body = append(e.body, `,"servers":[`...)
	e.first = len(e.body)
	changes := stateview.Diff(old.snap, snap)
	i := 0 // in old
	for st := range snap.Servers() {
		for len(changes) > 0 && changes[0].Removed && changes[0].Name < st.Name {
			i, changes = i+1, changes[1:]
		}
		if len(e.ends) > 0 {
			e.body = append(e.body, ',')
		}
		if len(changes) == 0 || changes[0].Name != st.Name {
			e.body = append(e.body, old.server(i)...)
			i++
		} else {
			e.body = append(e.body, encode(newServer(&st))...)
			if !changes[0].Added {
				i++
			}
			changes = changes[1:]
		}
		e.ends = append(e.ends, len(e.body))
	}
	e.body = append(e.body, "]}\n"...)
	return e
}

// server returns the encoding of server i.
func (e *encoded) server(i int) []byte {
	from := e.first
	if i > 0 {
		from = e.ends[i-1] + len(",")
	}
	return e.body[from:e.ends[i]]
}

// unchanged tells the client the ETag of what is made of a snapshot alone, and
// answers with 304 if the client has that.
func (s *Server) unchanged(w http.ResponseWriter, r *http.Request, snap *stateview.Snapshot) bool {
	return hasNewest(w, r, s.cache.tag(snap))
}

// hasNewest sets an answer's ETag, and answers with 304 if the client has that.
func hasNewest(w http.ResponseWriter, r *http.Request, tag string) bool {
	w.Header().Set("ETag", tag)
	if !hasTag(r.Header.Values("If-None-Match"), tag) {
		return false
	}
	w.WriteHeader(http.StatusNotModified)
	return true
}

// hasTag reports whether an If-None-Match names tag.
// RFC 9110, 13.1.2: "If-None-Match = "*" / #entity-tag", compared weakly.
func hasTag(lines []string, tag string) bool {
	for _, line := range lines {
		for t := range strings.SplitSeq(line, ",") {
			if t = strings.TrimSpace(t); t == "*" || strings.TrimPrefix(t, "W/") == tag {
				return true
			}
		}
	}
	return false
}
