package httpapi

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"strings"

	"mcpproxy-tray/internal/core/tail"
)

const (
	usualLines = 100
	mostLines  = 10_000
	longLine   = 64 << 10 // bytes of a line that is not waited for to end
)

type linesJSON struct {
	Server string   `json:"server"`
	Lines  []string `json:"lines"`
}

// getLogs answers with the last lines of a server's log, or streams them and what
// is added.
func (s *Server) getLogs(w http.ResponseWriter, r *http.Request) {
	q, e := readQuery(r, "lines", "follow")
	n, e := number(q, "lines", 0, usualLines, mostLines, e)
	follow, e := yes(q, "follow", e)
	if e == nil && s.opt.LogFile == nil {
		e = errCannot
	}
	if e != nil {
		refuse(w, r, e)
		return
	}
	_, st, ok := s.server(w, r)
	if !ok {
		return
	}
	log := tail.Open(s.opt.LogFile(st.Name), n)
	defer log.Close()
	text, err := log.Rest()
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // it is there once the server has written something
		s.opt.Logger.Error("log not read", "server", st.Name, "err", err)
		refuse(w, r, errInternal)
		return
	}
	if follow {
		s.followLog(w, r, st.Name, log, text)
		return
	}
	lines, rest := splitLines(text)
	if len(rest) > 0 {
		lines = append(lines, string(rest))
	}
	writeJSON(w, http.StatusOK, linesJSON{st.Name, lines})
}

// followLog streams a log: what there is already as the first event, then an event
// for the lines that were added. A slow reader delays its own reading of the file.
func (s *Server) followLog(w http.ResponseWriter, r *http.Request, server string, log *tail.Log, text []byte) {
	out := newEventWriter(w, r)
	if r.Method == http.MethodHead {
		return
	}
	lines, rest := splitLines(text)
	event := appendEvent(retry[:len(retry):len(retry)], "log", "", marshal(linesJSON{server, lines})) // the first one, also without lines
	for {
		if out.send(event) != nil {
			return
		}
		text, err := nextText(r.Context(), log)
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			if r.Context().Err() == nil {
				s.opt.Logger.Warn("log no longer followed", "server", server, "err", err)
			}
			return
		}
		lines, rest = splitLines(append(rest, text...))
		switch {
		case err != nil:
			event = comment
		case len(lines) > 0:
			event = appendEvent(nil, "log", "", marshal(linesJSON{server, lines}))
		default:
			event = nil // a line that has no end yet
		}
	}
}

// nextText waits for more of a log, but no longer than a stream may be silent.
func nextText(ctx context.Context, log *tail.Log) ([]byte, error) {
	wait, cancel := context.WithTimeout(ctx, heartbeat)
	defer cancel()
	return log.Next(wait)
}

// splitLines returns the lines of a text without their ends, and what is left of
// one that has none yet.
func splitLines(text []byte) (lines []string, rest []byte) {
	lines = []string{}
	end := bytes.LastIndexByte(text, '\n') + 1
	if len(text)-end > longLine {
		end = len(text)
	}
	for line := range strings.Lines(string(text[:end])) {
		lines = append(lines, strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"))
	}
	return lines, text[end:]
}
