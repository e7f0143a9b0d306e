package httpapi

import (
	"net/http"
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
	snap := s.opt.View.Snapshot()
	err := out.begin()
	if err == nil && !s.holds(r, q.Get("run"), snap) {
		err = out.write(s.snapshotEvent(snap)...)
	}
	beat := time.NewTimer(heartbeat)
	defer beat.Stop()
	for err == nil {
		if err = out.flush(); err != nil {
			return
		}
		took(snap, true)
		select {
		case <-r.Context().Done():
			return
		case <-beat.C:
			err = out.write(comment)
		case <-snap.Changed():
			old := snap
			snap = s.opt.View.Snapshot()
			err = out.write(s.deltas.between(old, snap))
		}
		beat.Reset(heartbeat)
	}
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
