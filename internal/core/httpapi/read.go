package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"

	"mcpproxy-tray/docs"
	"mcpproxy-tray/internal/stateview"
)

// snapshot returns the snapshot that an answer is made from.
func (s *Server) snapshot() *stateview.Snapshot {
	s.opt.Read()
	return s.opt.View.Snapshot()
}

// getStatus answers with more than the snapshot says, so its ETag is made of the
// answer itself.
func (s *Server) getStatus(w http.ResponseWriter, r *http.Request) {
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
	body := marshal(doc)
	sum := sha256.Sum256(body)
	if !hasNewest(w, r, `"`+base64.RawURLEncoding.EncodeToString(sum[:12])+`"`) {
		writeBody(w, http.StatusOK, body)
	}
}

func (s *Server) getServers(w http.ResponseWriter, r *http.Request) {
	snap := s.snapshot()
	if !s.unchanged(w, r, snap) {
		writeBody(w, http.StatusOK, s.cache.servers(snap))
	}
}

func (s *Server) getServer(w http.ResponseWriter, r *http.Request) {
	snap, st, ok := s.server(w, r)
	if !ok || s.unchanged(w, r, snap) {
		return
	}
	launch := st.Launch()
	writeJSON(w, http.StatusOK, detailJSON{newServer(&st), launch.Line, launch.ID})
}

// server returns the server that a request's address names, and its snapshot; it
// answers if there is none.
func (s *Server) server(w http.ResponseWriter, r *http.Request) (*stateview.Snapshot, stateview.ServerStatus, bool) {
	snap, name := s.snapshot(), r.PathValue("name")
	st, ok := snap.GetServer(name)
	if !ok {
		refuse(w, r, noServer(name))
	}
	return snap, st, ok
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

// getOpenAPI answers with the description of this API.
func getOpenAPI(w http.ResponseWriter, _ *http.Request) { writeBody(w, http.StatusOK, docs.OpenAPI) }
