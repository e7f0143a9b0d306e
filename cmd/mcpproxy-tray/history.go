package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// mostEntries is how many entries the API gives at once.
const mostEntries = 1_000

// A historyQuery is what the flags of history ask for.
type historyQuery struct {
	server, since, kind string
	limit               int
}

// A historyDocument is what history prints as JSON: the documents of the API, joined.
type historyDocument struct {
	Uptime  []json.RawMessage `json:"uptime"`
	Entries []json.RawMessage `json:"entries"`
	Next    string            `json:"next,omitempty"`
	Dropped uint64            `json:"dropped"`
}

// An historyEntry is a call, or a change of a server's state.
type historyEntry struct {
	Kind    string    `json:"kind"`
	At      time.Time `json:"at"`
	Server  string    `json:"server"`
	Tool    string    `json:"tool"`
	Client  string    `json:"client"`
	Result  string    `json:"result"`
	Took    string    `json:"took"`
	Sent    int       `json:"sent"`
	Got     int       `json:"got"`
	Why     string    `json:"why"`
	Params  string    `json:"params"`
	Answer  string    `json:"answer"`
	To      string    `json:"to"`
	Problem struct {
		Text string `json:"text"`
	} `json:"problem"`
}

// A serverUptime says how a server did.
type serverUptime struct {
	Server   string    `json:"server"`
	From     time.Time `json:"from"`
	Up       string    `json:"up"`
	Down     string    `json:"down"`
	Uptime   *float64  `json:"uptime"`
	Failures int       `json:"failures"`
	MTBF     string    `json:"mtbf"`
}

func newHistory(o *options) *cobra.Command {
	var q historyQuery
	c := &cobra.Command{
		Use:   "history",
		Short: "Show calls and changes of the servers' states, newest first, and how long each was up",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := q.check(time.Now()); err != nil {
				return err
			}
			a, err := o.connect()
			if err != nil {
				return err
			}
			doc, err := a.history(c.Context(), q)
			if err != nil {
				return err
			}
			if o.json() {
				return json.NewEncoder(c.OutOrStdout()).Encode(doc)
			}
			return printHistory(c.OutOrStdout(), doc)
		},
	}
	c.Flags().StringVar(&q.server, "server", "", "of this `server` alone")
	c.Flags().StringVar(&q.since, "since", "", "nothing older: how long ago, such as 90m, 24h or 7d, or a `time` such as 2026-11-23 or 2026-11-23T09:00:00Z")
	c.Flags().StringVar(&q.kind, "kind", "", "`calls` or states alone")
	c.Flags().IntVarP(&q.limit, "limit", "n", 50, "at most so `many`")
	o.offerServers(c)
	offer(c, "kind", "calls", "states")
	return c
}

// check refuses what cannot be asked for, and makes a time of since.
func (q *historyQuery) check(now time.Time) error {
	if q.limit < 1 {
		return &failure{exitUsage, "--limit must be at least 1", ""}
	}
	if q.kind != "" && q.kind != "calls" && q.kind != "states" {
		return &failure{exitUsage, fmt.Sprintf("there is no kind %q", q.kind), "Use --kind calls or --kind states."}
	}
	if q.since == "" {
		return nil
	}
	at, ok := moment(q.since, now)
	if !ok {
		return &failure{exitUsage, fmt.Sprintf("--since does not understand %q", q.since), "Write how long ago, such as 90m, 24h or 7d, or a time such as 2026-11-23 or 2026-11-23T09:00:00Z."}
	}
	q.since = at.UTC().Format(time.RFC3339Nano)
	return nil
}

// moment reads a time, or how long ago it was.
func moment(text string, now time.Time) (at time.Time, ok bool) {
	if days, isDays := strings.CutSuffix(text, "d"); isDays {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, -int(n)), true
		}
	}
	if ago, err := time.ParseDuration(text); err == nil {
		return now.Add(-ago), ago >= 0
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly, "2006-01-02 15:04", time.DateTime} {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// history asks for as many pages as it takes.
func (a *api) history(ctx context.Context, q historyQuery) (historyDocument, error) {
	doc := historyDocument{Uptime: []json.RawMessage{}, Entries: []json.RawMessage{}}
	query := url.Values{}
	if q.since != "" {
		query.Set("since", q.since)
	}
	if err := a.uptime(ctx, q, query, &doc); err != nil {
		return historyDocument{}, err
	}
	if q.server != "" {
		query.Set("server", q.server)
	}
	if q.kind != "" {
		query.Set("kind", q.kind)
	}
	for left := q.limit; left > 0; left = q.limit - len(doc.Entries) {
		query.Set("limit", strconv.Itoa(min(left, mostEntries)))
		var page historyDocument
		if err := a.read(ctx, "/api/v1/history?"+query.Encode(), &page); err != nil {
			return historyDocument{}, err
		}
		doc.Entries = append(doc.Entries, page.Entries...)
		doc.Next, doc.Dropped = page.Next, page.Dropped
		if page.Next == "" {
			break
		}
		query.Set("before", page.Next)
	}
	return doc, nil
}

// uptime asks how the servers did, and keeps the one that is wanted: it may be gone.
func (a *api) uptime(ctx context.Context, q historyQuery, query url.Values, doc *historyDocument) error {
	var all struct{ Servers []json.RawMessage }
	if err := a.read(ctx, "/api/v1/history/uptime?"+query.Encode(), &all); err != nil {
		return err
	}
	for _, raw := range all.Servers {
		var u serverUptime
		if json.Unmarshal(raw, &u) == nil && (q.server == "" || u.Server == q.server) {
			doc.Uptime = append(doc.Uptime, raw)
		}
	}
	return nil
}

// read asks for a document of the API.
func (a *api) read(ctx context.Context, path string, into any) error {
	data, err := a.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	if json.Unmarshal(data, into) != nil {
		return a.unreachable()
	}
	return nil
}

// resultColours are those of how a call ended; any other is plain.
var resultColours = map[string]string{
	"ok": green, "tool_error": yellow, "refused": yellow, "cancelled": yellow,
	"error": red, "timeout": red, "lost": red,
}

// printHistory prints how the servers did, then what happened.
func printHistory(out io.Writer, doc historyDocument) error {
	if err := printUptime(out, doc.Uptime); err != nil {
		return err
	}
	if len(doc.Entries) == 0 {
		_, err := fmt.Fprintln(out, "nothing is known of that time")
		return err
	}
	w, flush := table(out)
	paint := painter(out)
	fmt.Fprintf(w, "TIME\tSERVER\tEVENT\t%s\tTOOK\tBYTES\tCLIENT\tNOTE\n", paint("", "RESULT"))
	for _, raw := range doc.Entries {
		var e historyEntry
		if err := json.Unmarshal(raw, &e); err != nil {
			return fmt.Errorf("read entry: %w", err)
		}
		printEntry(w, paint, &e)
	}
	if err := flush(); err != nil {
		return err
	}
	if doc.Dropped > 0 {
		_, err := fmt.Fprintf(out, "%d more were not kept since the program started\n", doc.Dropped)
		return err
	}
	return nil
}

func printUptime(out io.Writer, servers []json.RawMessage) error {
	if len(servers) == 0 {
		return nil
	}
	w, flush := table(out)
	fmt.Fprintln(w, "SERVER\tUPTIME\tUP\tDOWN\tFAILURES\tMTBF\tSINCE")
	for _, raw := range servers {
		var u serverUptime
		if err := json.Unmarshal(raw, &u); err != nil {
			return fmt.Errorf("read uptime: %w", err)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", oneLine(u.Server), percent(u.Uptime), u.Up, u.Down, u.Failures, u.MTBF, clock(u.From))
	}
	if err := flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out)
	return err
}

func printEntry(w io.Writer, paint func(colour, text string) string, e *historyEntry) {
	if e.Kind == "state" {
		fmt.Fprintf(w, "%s\t%s\tstate\t%s\t\t\t\t%s\n", clock(e.At), oneLine(e.Server), paint(stateColours[e.To], oneLine(e.To)), oneLine(e.Problem.Text))
		return
	}
	note := oneLine(e.Why)
	if e.Params != "" || e.Answer != "" {
		note = oneLine(strings.TrimSpace(note + " " + e.Params + " → " + e.Answer))
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d→%d\t%s\t%s\n", clock(e.At), oneLine(e.Server), oneLine(e.Tool),
		paint(resultColours[e.Result], oneLine(e.Result)), short(e.Took), e.Sent, e.Got, oneLine(e.Client), note)
}

// short rounds a duration to what people compare.
func short(took string) string {
	d, err := time.ParseDuration(took)
	switch {
	case err != nil:
		return oneLine(took)
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.String()
}

// percent words a share; 100 % is only what never was down.
func percent(share *float64) string {
	switch {
	case share == nil:
		return ""
	case *share == 1:
		return "100%"
	}
	return strconv.FormatFloat(math.Floor(*share*1e5)/1e3, 'f', -1, 64) + "%"
}
