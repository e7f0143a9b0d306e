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
	if e := c.cur.Load(); e != nil && e.snap == snap {
		return e.body
	}
	body := encodeServers(snap)
	c.cur.Store(&encoded{snap, body})
	return body
}

// usualServer is how many bytes the encoding of a server mostly fits in.
const usualServer = 256

func encodeServers(snap *stateview.Snapshot) []byte {
	body := make([]byte, 0, 64+usualServer*snap.Count())
	body = strconv.AppendUint(append(body, `{"version":`...), snap.Seq(), 10)
	body = append(body, `,"servers":[`...)
	first := true
	for st := range snap.Servers() {
		if !first {
			body = append(body, ',')
		}
		first = false
		doc := newServer(&st)
		body = doc.append(body)
	}
	return append(body, "]}\n"...)
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
