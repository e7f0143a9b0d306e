package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	outcome "mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/core/history"
	"mcpproxy-tray/internal/stateview"
)

// A fakeHistory has entries, newest first, and notes what it was asked.
type fakeHistory struct {
	entries []history.Entry
	asked   history.Query
	since   time.Time
	err     error
}

func (f *fakeHistory) Page(_ context.Context, q history.Query) (history.Page, error) {
	f.asked = q
	var p history.Page
	for _, e := range f.entries {
		switch {
		case q.Before != 0 && e.Seq >= q.Before:
		case len(p.Entries) == q.Limit:
			p.Next = p.Entries[q.Limit-1].Seq
			return p, f.err
		default:
			p.Entries = append(p.Entries, e)
		}
	}
	return p, f.err
}

func (f *fakeHistory) Uptime(_ context.Context, _ string, since time.Time) ([]history.Uptime, error) {
	f.since = since
	at := time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)
	return []history.Uptime{
		{Server: "filesystem", From: at.Add(-24 * time.Hour), Up: 24*time.Hour - 30*time.Second, Down: 30 * time.Second, Failures: 2},
		{Server: "gone", From: at, Up: time.Hour},
		{Server: "new", From: at},
	}, f.err
}

func (f *fakeHistory) Dropped() uint64 { return 0 }

// sampleHistory has what the document shows, and one entry more.
func sampleHistory() *fakeHistory {
	at := time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)
	return &fakeHistory{entries: []history.Entry{
		{Seq: 43, Kind: history.Calls, Server: "filesystem", At: at.Add(62 * time.Second), Tool: "read", Client: "claude-code", Took: 12500 * time.Microsecond, Sent: 48, Got: 2048},
		{Seq: 42, Kind: history.Calls, Server: "filesystem", At: at.Add(61 * time.Second), Tool: "write", Client: "claude-code", Outcome: outcome.Refused, Took: 40 * time.Microsecond, Sent: 61,
			Text: `The tool "filesystem__write" is held back until a person approves it in mcpproxy-tray.`},
		{Seq: 41, Kind: history.States, Server: "linear", At: at, From: "connecting", To: "backoff", Code: "MPT-REFUSED", Text: "The server refused the connection."},
		{Seq: 40, Kind: history.States, Server: "linear", At: at.Add(-time.Second), From: "disabled", To: "connecting"},
	}}
}

// TestHistoryGoesOnBehindAPage follows "next" to the end.
func TestHistoryGoesOnBehindAPage(t *testing.T) {
	s, _ := newTest()
	var ats []string
	next := ""
	for pages := 0; pages == 0 || next != ""; pages++ {
		path := "/api/v1/history?limit=3"
		if next != "" {
			path += "&before=" + next
		}
		var doc historyJSON
		if err := json.Unmarshal([]byte(bodyOf(t, call(t, s, "GET", path, ""))), &doc); err != nil || pages > 2 {
			t.Fatal(err, pages)
		}
		for _, e := range doc.Entries {
			ats = append(ats, e.At.Format("05"))
		}
		next = doc.Next
	}
	if got := strings.Join(ats, " "); got != "02 01 00 59" {
		t.Errorf("entries of seconds %s", got)
	}
}

func TestHistoryIsAskedForWhatTheAddressSays(t *testing.T) {
	h := sampleHistory()
	s, _ := newTest(func(o *Options) { o.History = h })
	d := loadAPI(t)
	bodyOf(t, call(t, described{t, d, s}, "GET", "/api/v1/history?kind=states&server=gone&since=2026-11-22T09:30:00%2B01:00&limit=7&before=z", ""))
	want := history.Query{Kind: history.States, Server: "gone", Since: time.Date(2026, 11, 22, 8, 30, 0, 0, time.UTC), Limit: 7, Before: 35}
	if got := h.asked; !got.Since.Equal(want.Since) || got.Kind != want.Kind || got.Server != want.Server || got.Limit != 7 || got.Before != 35 {
		t.Errorf("asked %+v, want %+v", got, want)
	}
	bodyOf(t, call(t, s, "GET", "/api/v1/history?kind=calls&since=90m", ""))
	if ago := time.Since(h.asked.Since); h.asked.Kind != history.Calls || h.asked.Limit != 100 || ago < 90*time.Minute || ago > 91*time.Minute {
		t.Errorf("asked %+v", h.asked)
	}
}

// TestUptimeIsNotRoundedUp wants a server that was down to be told less than 1.
func TestUptimeIsNotRoundedUp(t *testing.T) {
	for down, want := range map[time.Duration]float64{0: 1, 3 * time.Second: 0.999999} {
		doc := newUptime(history.Uptime{Up: 90 * 24 * time.Hour, Down: down})
		if doc.Uptime == nil || *doc.Uptime != want {
			t.Errorf("down for %v: %+v, want %v", down, doc, want)
		}
	}
}

func TestBadQuestionsAboutHistory(t *testing.T) {
	s, _ := newTest()
	for _, q := range []string{"kind=x", "kind=", "limit=0", "limit=1001", "limit=x", "before=0", "before=-", "before=%21", "since=yesterday", "since=-1h", "since=", "srv=a", "limit=1&limit=2", "%zz"} {
		wantError(t, q, call(t, s, "GET", "/api/v1/history?"+q, ""), 400, "MPT-HTTP-QUERY")
	}
	wantError(t, "uptime", call(t, s, "GET", "/api/v1/history/uptime?since=x", ""), 400, "MPT-HTTP-QUERY")
	wantError(t, "uptime", call(t, s, "GET", "/api/v1/history/uptime?server=nobody", ""), 404, "MPT-SERVER-UNKNOWN")
}

// A troubled is an error with a problem.
type troubled struct{ error }

func (troubled) Problem() stateview.Problem {
	return stateview.Problem{Code: "MPT-HISTORY-NEWER", Text: "It is newer.", Hint: "Wait."}
}

func TestHistoryThatCannotBeRead(t *testing.T) {
	h := sampleHistory()
	s, _ := newTest(func(o *Options) { o.History = h })
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{history.ErrOff, 409, "MPT-HISTORY-OFF"},
		{history.ErrNotOpen, 503, "MPT-NOT-READY"},
		{troubled{errors.New("x")}, 503, "MPT-HISTORY-NEWER"},
		{fmt.Errorf("wait: %w", context.DeadlineExceeded), 503, "MPT-NOT-DONE"},
		{errors.New("x"), 500, "MPT-INTERNAL"},
	} {
		h.err = c.err
		wantError(t, c.code, call(t, s, "GET", "/api/v1/history", ""), c.status, c.code)
		wantError(t, c.code, call(t, s, "GET", "/api/v1/history/uptime", ""), c.status, c.code)
	}
}
