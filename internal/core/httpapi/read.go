package httpapi

import (
	"net/http"
	"strings"

	"mcpproxy-tray/internal/stateview"
)

// snapshot returns the snapshot that an answer is made from.
func (s *Server) snapshot() *stateview.Snapshot {
	s.opt.Read()
	return s.opt.View.Snapshot()
}

func (s *Server) getStatus(w http.ResponseWriter, _ *http.Request) {
	type trayJSON struct {
		Running  bool   `json:"running"`
		Attached bool   `json:"attached"`
		Reason   string `json:"reason,omitempty"`
	}
	type statusJSON struct {
		Version  uint64                  `json:"version"`
		Run      string                  `json:"run"`
		Program  string                  `json:"program"`
		URL      string                  `json:"url"`
		Counts   map[stateview.State]int `json:"counts"` // every state, also those of no server
		Paused   bool                    `json:"paused"`
		Tray     trayJSON                `json:"tray"`
		Problems []*problemJSON          `json:"problems"`
	}
	snap, st := s.snapshot(), s.opt.Status()
	doc := statusJSON{
		Version: snap.Seq(), Run: s.cache.run, Program: st.Program, URL: st.URL, Counts: map[stateview.State]int{},
		Paused: st.Paused, Tray: trayJSON(st.Tray), Problems: []*problemJSON{},
	}
	for i := range stateview.NumStates {
		doc.Counts[stateview.State(i)] = snap.CountByState(stateview.State(i))
	}
	for _, p := range st.Problems {
		if !p.IsZero() {
			doc.Problems = append(doc.Problems, newProblem(p))
		}
	}
	writeJSON(w, http.StatusOK, doc)
}

func (s *Server) getServers(w http.ResponseWriter, r *http.Request) {
	snap := s.snapshot()
	tag := s.cache.tag(snap)
	w.Header().Set("ETag", tag)
	if hasTag(r.Header.Values("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(s.cache.servers(snap)) // the client has gone; net/http ends the connection
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

func (s *Server) getServer(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	st, ok := s.snapshot().GetServer(name)
	if !ok {
		refuse(w, r, noServer(name))
		return
	}
	launch := st.Launch()
	writeJSON(w, http.StatusOK, detailJSON{newServer(&st), launch.Line, launch.ID})
}

type wordJSON struct {
	Status string `json:"status"`
}

func (s *Server) getHealth(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, wordJSON{"ok"})
}

func (s *Server) getReady(w http.ResponseWriter, r *http.Request) {
	if s.opt.Ready != nil && !s.opt.Ready() {
		refuse(w, r, errNotReady)
		return
	}
	writeJSON(w, http.StatusOK, wordJSON{"ready"})
}
