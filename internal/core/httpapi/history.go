package httpapi

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"mcpproxy-tray/internal/core/history"
	"mcpproxy-tray/internal/stateview"
)

const (
	usualEntries = 100
	mostEntries  = 1_000
	historyTime  = 5 * time.Second // for what is queued to be written, and read
)

// History is what happened, on disk. Methods may be called concurrently.
type History interface {
	Page(ctx context.Context, q history.Query) (history.Page, error)
	Uptime(ctx context.Context, server string, since time.Time) ([]history.Uptime, error)
	Dropped() uint64
}

// An entryJSON is a call or a change of state.
type entryJSON struct {
	Kind   string    `json:"kind"`
	At     time.Time `json:"at"`
	Server string    `json:"server,omitempty"`

	Tool   string `json:"tool,omitempty"`
	Client string `json:"client,omitempty"`
	Result string `json:"result,omitempty"`
	Took   string `json:"took,omitempty"`
	Sent   *int   `json:"sent,omitempty"`
	Got    *int   `json:"got,omitempty"`
	Why    string `json:"why,omitempty"`
	Params string `json:"params,omitempty"`
	Answer string `json:"answer,omitempty"`

	From    string       `json:"from,omitempty"`
	To      string       `json:"to,omitempty"`
	Problem *problemJSON `json:"problem,omitempty"`
}

type historyJSON struct {
	Entries []entryJSON `json:"entries"`
	Next    string      `json:"next,omitempty"`
	Dropped uint64      `json:"dropped"`
}

type uptimeJSON struct {
	Server   string    `json:"server"`
	From     time.Time `json:"from"`
	Up       string    `json:"up"`
	Down     string    `json:"down"`
	Uptime   *float64  `json:"uptime,omitempty"` // 0 to 1
	Failures int       `json:"failures"`
	MTBF     string    `json:"mtbf,omitempty"`
}

type uptimesJSON struct {
	Servers []uptimeJSON `json:"servers"`
}

// getHistory answers a page of entries, newest first.
func (s *Server) getHistory(w http.ResponseWriter, r *http.Request) {
	q, e := readQuery(r, "kind", "server", "since", "limit", "before")
	limit, e := number(q, "limit", 1, usualEntries, mostEntries, e)
	since, e := moment(q, "since", e)
	ask := history.Query{Server: q.Get("server"), Since: since, Limit: limit}
	if e == nil {
		e = kindAndPlace(q, &ask)
	}
	if e != nil {
		refuse(w, r, e)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), historyTime)
	defer cancel()
	page, err := s.opt.History.Page(ctx, ask)
	if err != nil {
		refuse(w, r, s.historyError(err))
		return
	}
	doc := historyJSON{Entries: make([]entryJSON, 0, len(page.Entries)), Next: placeAfter(page.Next), Dropped: s.opt.History.Dropped()}
	for i := range page.Entries {
		doc.Entries = append(doc.Entries, newEntry(&page.Entries[i]))
	}
	writeJSON(w, http.StatusOK, doc)
}

// kindAndPlace reads which entries of a history are wanted, and from where on.
func kindAndPlace(q url.Values, ask *history.Query) *apiError {
	switch kind := q.Get("kind"); {
	case !q.Has("kind"):
	case kind == "calls":
		ask.Kind = history.Calls
	case kind == "states":
		ask.Kind = history.States
	default:
		return badQuery(`The parameter "kind" is calls or states.`)
	}
	if !q.Has("before") {
		return nil
	}
	n, err := strconv.ParseUint(q.Get("before"), 36, 64)
	if err != nil || n == 0 {
		return badQuery(`The parameter "before" is the "next" of an earlier answer.`)
	}
	ask.Before = n
	return nil
}

// placeAfter returns what names the place of an entry to who asks for the next page.
func placeAfter(seq uint64) string {
	if seq == 0 {
		return ""
	}
	return strconv.FormatUint(seq, 36)
}

// moment returns a parameter that is a time, or how long ago; the zero time if it is
// absent, or e if that is an error already.
func moment(q url.Values, name string, e *apiError) (time.Time, *apiError) {
	if e != nil || !q.Has(name) {
		return time.Time{}, e
	}
	if ago, err := time.ParseDuration(q.Get(name)); err == nil && ago >= 0 {
		return time.Now().Add(-ago), nil
	}
	at, err := time.Parse(time.RFC3339, q.Get(name))
	if err != nil {
		return time.Time{}, badQuery(fmt.Sprintf("The parameter %q is a time like 2026-11-22T09:30:00Z, or how long ago, like 24h.", name))
	}
	return at, nil
}

func newEntry(e *history.Entry) entryJSON {
	doc := entryJSON{At: e.At.UTC(), Server: e.Server}
	if e.Kind == history.States {
		doc.Kind, doc.From, doc.To = "state", e.From, e.To
		doc.Problem = newProblem(stateview.Problem{Code: e.Code, Text: e.Text})
		return doc
	}
	doc.Kind, doc.Tool, doc.Client = "call", e.Tool, e.Client
	doc.Result, doc.Took, doc.Sent, doc.Got, doc.Why = e.Outcome.String(), e.Took.String(), &e.Sent, &e.Got, e.Text
	doc.Params, doc.Answer = e.Params, e.Answer
	return doc
}

// getUptime answers how the servers did that there are now.
func (s *Server) getUptime(w http.ResponseWriter, r *http.Request) {
	q, e := readQuery(r, "server", "since")
	since, e := moment(q, "since", e)
	snap := s.snapshot()
	if _, ok := snap.GetServer(q.Get("server")); e == nil && q.Has("server") && !ok {
		e = noServer(q.Get("server"))
	}
	if e != nil {
		refuse(w, r, e)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), historyTime)
	defer cancel()
	list, err := s.opt.History.Uptime(ctx, q.Get("server"), since)
	if err != nil {
		refuse(w, r, s.historyError(err))
		return
	}
	doc := uptimesJSON{Servers: []uptimeJSON{}}
	for _, u := range list {
		if _, ok := snap.GetServer(u.Server); ok {
			doc.Servers = append(doc.Servers, newUptime(u))
		}
	}
	writeJSON(w, http.StatusOK, doc)
}

func newUptime(u history.Uptime) uptimeJSON {
	doc := uptimeJSON{Server: u.Server, From: u.From.UTC(), Failures: u.Failures,
		Up: u.Up.Round(time.Second).String(), Down: u.Down.Round(time.Second).String()}
	if share, ok := u.Share(); ok {
		share = math.Floor(share*1e6) / 1e6 // 1 is only what never was down
		doc.Uptime = &share
	}
	if mean, ok := u.MTBF(); ok {
		doc.MTBF = mean.Round(time.Second).String()
	}
	return doc
}

// historyError words why there is no history to show.
func (s *Server) historyError(err error) *apiError {
	e := *errInternal
	x, explained := errors.AsType[explained](err)
	switch {
	case errors.Is(err, history.ErrNotOpen):
		return errNotReady
	case explained:
		p := x.Problem()
		e = apiError{http.StatusServiceUnavailable, p.Code, p.Text, p.Hint}
		if errors.Is(err, history.ErrOff) {
			e.status = http.StatusConflict
		}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		e = apiError{503, "MPT-NOT-DONE", "The history could not be read in time.", "Try again in a moment."}
	default:
		s.opt.Logger.Error("history cannot be read", "err", err)
	}
	return &e
}

// ofHistory are the methods of an address of the history; none if there is none.
func (s *Server) ofHistory(h http.HandlerFunc) map[string]http.HandlerFunc {
	if s.opt.History == nil {
		return nil
	}
	return map[string]http.HandlerFunc{"GET": h}
}
