package httpapi

import (
	"fmt"
	"net/http"
	"time"

	"mcpproxy-tray/internal/stateview"
)

const (
	heartbeat  = 30 * time.Second // only while a client is connected; clients give up after about a minute of silence
	writeLimit = 10 * time.Second // a client that takes nothing for so long is cut
)

// events streams the read model: the whole of it, then one event for each
// server that changed. Each event's id is the version it leads to. A slow
// reader skips to the newest snapshot: what it has not read yet is never kept,
// and nobody waits for it.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	out := eventWriter{w, http.NewResponseController(w)}
	beat := time.NewTimer(heartbeat)
	defer beat.Stop()
	took, left := s.opt.Follow()
	defer left()
	snap := s.opt.View.Snapshot()
	err := out.send("snapshot", snap.Seq(), s.cache.servers(snap))
	for err == nil {
		if err = out.flush(); err != nil {
			return
		}
		took(snap, true)
		select {
		case <-r.Context().Done():
			return
		case <-beat.C:
			err = out.comment()
		case <-snap.Changed():
			old := snap
			snap = s.opt.View.Snapshot()
			for _, c := range stateview.Diff(old, snap) {
				if err = out.send("change", snap.Seq(), marshal(newChange(snap.Seq(), &c))); err != nil {
					return
				}
			}
		}
		beat.Reset(heartbeat)
	}
}

// An eventWriter writes server-sent events, each within writeLimit.
type eventWriter struct {
	w    http.ResponseWriter
	conn *http.ResponseController
}

// send writes one event; data is one line of JSON with its line end.
func (o eventWriter) send(event string, id uint64, data []byte) error {
	o.limit()
	if _, err := fmt.Fprintf(o.w, "event: %s\nid: %d\ndata: ", event, id); err != nil {
		return err
	}
	if _, err := o.w.Write(data); err != nil {
		return err
	}
	_, err := o.w.Write([]byte("\n"))
	return err
}

// comment writes what clients ignore but proxies and time limits see.
func (o eventWriter) comment() error {
	o.limit()
	_, err := o.w.Write([]byte(":\n\n"))
	return err
}

func (o eventWriter) flush() error {
	o.limit()
	return o.conn.Flush()
}

func (o eventWriter) limit() {
	_ = o.conn.SetWriteDeadline(time.Now().Add(writeLimit)) // not supported only where there is no connection
}
