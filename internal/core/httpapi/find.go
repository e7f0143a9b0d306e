package httpapi

import (
	"net/http"
	"strings"
)

const (
	usualFound = 8
	mostFound  = 50
)

// A ToolQuery says which tools are looked for.
type ToolQuery struct {
	Text   string // what the tool should do
	Server string // only its tools; empty: those of all servers
	Limit  int    // how many at most
}

// A FoundTool is a tool that clients may call.
type FoundTool struct {
	Name        string // at /mcp
	Server      string
	Own         string // the server's own name for it
	Score       float64
	Signature   string // its parameters in one line
	Description string // the beginning
}

type foundJSON struct {
	Name        string  `json:"name"`
	Server      string  `json:"server"`
	Tool        string  `json:"tool"`
	Score       float64 `json:"score"`
	Signature   string  `json:"signature"`
	Description string  `json:"description,omitempty"`
}

type foundToolsJSON struct {
	Tools []foundJSON `json:"tools"`
}

// findTools searches the approved tools of all servers. The index is made beside the
// requests, so it may be of an older snapshot for a moment.
func (s *Server) findTools(w http.ResponseWriter, r *http.Request) {
	q, e := readQuery(r, "q", "server", "limit")
	limit, e := number(q, "limit", 1, usualFound, mostFound, e)
	switch {
	case e != nil:
	case strings.TrimSpace(q.Get("q")) == "":
		e = badQuery(`The parameter "q" is missing: a few words that say what the tool should do.`)
	case s.opt.FindTools == nil:
		e = errCannot
	case q.Has("server"):
		if _, ok := s.snapshot().GetServer(q.Get("server")); !ok {
			e = noServer(q.Get("server"))
		}
	default:
		s.opt.Read()
	}
	if e != nil {
		refuse(w, r, e)
		return
	}
	doc := foundToolsJSON{[]foundJSON{}}
	for _, t := range s.opt.FindTools(ToolQuery{q.Get("q"), q.Get("server"), limit}) {
		doc.Tools = append(doc.Tools, foundJSON{t.Name, t.Server, t.Own, t.Score, t.Signature, t.Description})
	}
	writeJSON(w, http.StatusOK, doc)
}
