package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// events streams the read model: the whole of it, then one event for each
// server that changed. The last event of a version has it as its id. A slow
// reader skips to the newest snapshot, which its next event says: what it has
// not read yet is never kept, and nobody waits for it.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	q, e := readQuery(r, "run")
	if e != nil {
		refuse(w, r, e)
		return
	}
	out := newEventWriter(w, r)
	if r.Method == http.MethodHead {
		return
	}
	took, left := s.opt.Follow()
	defer left()
	s.streams.Add(1)
	defer s.streams.Add(-1)
	f := s.newFeed(r, out)
	defer f.beat.Stop()
	first := [][]byte{retry}
	if !s.holds(r, q.Get("run"), f.snap) {
		first = append(first, s.snapshotEvent(f.snap)...)
	}
	for err := f.begin(first); err == nil; err = f.next(r.Context()) {
		took(f.snap, true)
	}
}

// newFeed returns a feed that begins with the newest snapshot.
func (s *Server) newFeed(r *http.Request, out eventWriter) *feed {
	f := &feed{s: s, out: out, snap: s.opt.View.Snapshot(), beat: time.NewTimer(heartbeat), turn: make(chan struct{}, 1)}
	if conn, ok := r.Context().Value(connKey{}).(net.Conn); ok {
		f.client, _ = netip.ParseAddrPort(conn.RemoteAddr().String()) // of a socket; others are asked nothing
		f.server, _ = netip.ParseAddrPort(conn.LocalAddr().String())
	}
	return f
}

// holds reports whether a reader that comes back has read everything up to snap.
// Its last id alone does not prove that, as versions begin anew with each run of
// the program; its address must name the run, too.
func (s *Server) holds(r *http.Request, run string, snap *stateview.Snapshot) bool {
	return run == s.cache.run && r.Header.Get("Last-Event-ID") == strconv.FormatUint(snap.Seq(), 10)
}

// snapshotEvent is the first event of a stream, in parts: the document is shared.
func (s *Server) snapshotEvent(snap *stateview.Snapshot) [][]byte {
	head := appendID([]byte("event: snapshot\n"), strconv.FormatUint(snap.Seq(), 10))
	return [][]byte{append(head, "data: "...), s.cache.servers(snap), []byte("\n")}
}
