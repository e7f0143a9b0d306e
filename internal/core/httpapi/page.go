package httpapi

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"mcpproxy-tray/internal/stateview"
)

//go:embed page.css
var pageStyle string

//go:embed page.html
var pageSource string

var pageTemplate = template.Must(template.New("page").Parse(pageSource))

// pagePolicy allows the page its own style and nothing else: even a text that
// got past the escaping could neither run nor load anything.
var pagePolicy = func() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}()

const (
	maxPageText = 400  // runes of one text; a name or a problem may be of any length
	maxPageHeld = 20   // tools to review that are shown, of one server
	maxPageTool = 8192 // bytes of the definition of one; of a longer one nobody would read the end
)

// A pageDoc is what the page shows, as text that is still to be escaped.
type pageDoc struct {
	Style            template.CSS // ours
	Closed           bool         // nothing but the sentence what to do
	Counts, Endpoint string
	Program, At      string
	Version          uint64
	Paused           bool
	Problems         []pageProblem // of the program itself
	Attention, Rest  []pageServer
	Questions        []pageQuestion
	Note             string // what came of a form
}

type pageServer struct {
	Server                    string // its name as it is
	ID                        string // that an address may end with, after a #; may be empty
	Would, Launch, LaunchID   string // of one that waits for approval
	Held                      []pageTool
	MoreHeld                  int // beyond those
	Name, State, Words, Tools string
	Since, Stamp, RetryAt     string
	Problem                   pageProblem
}

// A pageTool is a tool that is held. Choice, what its box sends, is empty where it
// cannot be approved here.
type pageTool struct{ Name, Choice, Now, Was string }

type pageProblem struct{ Text, Hint, Code string }

// PageURL returns an address at which a browser of this computer sees the
// status page. It opens it once, within a minute; the browser keeps a cookie.
func (s *Server) PageURL() string {
	return URL(s.opt.Addr) + "/open/" + s.links.issue(linkLife)
}

// newPage answers with a PageURL, for the command line.
func (s *Server) newPage(w http.ResponseWriter, r *http.Request) {
	if _, e := readBody(r); e != nil {
		refuse(w, r, e)
		return
	}
	writeJSON(w, http.StatusOK, struct {
		URL string `json:"url"`
	}{s.PageURL()})
}

// openPage exchanges a link's code for a cookie. It changes no state but that of
// the code itself, and only for a request that will show the page.
func (s *Server) openPage(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || r.Header.Get("Sec-Purpose") != "" || !s.links.spend(r.PathValue("code")) {
		s.closedPage(w)
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(s.opt.Addr), Value: s.sessions.issue(sessionLife), Path: "/",
		HttpOnly: true, SameSite: http.SameSiteStrictMode, // no MaxAge: it ends with the browser
	})
	w.Header().Set("Location", "/")
	w.WriteHeader(http.StatusSeeOther)
}

// cookieName differs between two instances: cookies know no ports (RFC 6265, 8.5).
func cookieName(addr net.Addr) string {
	_, port, _ := net.SplitHostPort(addr.String())
	return "mcpproxy-tray-" + port
}

// hasSession reports whether the request brings the cookie of a session.
func (s *Server) hasSession(r *http.Request) bool {
	for _, c := range r.CookiesNamed(cookieName(s.opt.Addr)) {
		if s.sessions.knows(c.Value) {
			return true
		}
	}
	return false
}

// closedPage answers a browser without a session.
func (s *Server) closedPage(w http.ResponseWriter) {
	writePage(w, http.StatusUnauthorized, pageDoc{Closed: true})
}

func (s *Server) getPage(w http.ResponseWriter, _ *http.Request) {
	s.showPage(w, http.StatusOK, draft{})
}

// showPage shows the page, with an answer that did not fit.
func (s *Server) showPage(w http.ResponseWriter, status int, d draft) {
	snap, st := s.snapshot(), s.opt.Status()
	doc := pageDoc{
		Counts: pageCounts(snap), Endpoint: st.URL + "/mcp", Program: st.Program, At: stamp(time.Now()), Version: snap.Seq(), Paused: st.Paused,
	}
	doc.Note = d.note
	for _, q := range s.questions() {
		doc.Questions = append(doc.Questions, newPageQuestion(&q, d))
	}
	for _, p := range st.Problems {
		if !p.IsZero() {
			doc.Problems = append(doc.Problems, newPageProblem(p))
		}
	}
	for srv := range snap.Servers() {
		if row := s.newPageServer(&srv); srv.State.Down() || srv.State.NeedsPerson() || srv.Tools.Held() > 0 {
			doc.Attention = append(doc.Attention, row)
		} else {
			doc.Rest = append(doc.Rest, row)
		}
	}
	writePage(w, status, doc)
}

func writePage(w http.ResponseWriter, status int, doc pageDoc) {
	doc.Style = template.CSS(pageStyle)
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, doc); err != nil {
		panic(err) // of the template alone: the document has every field it names
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Referrer-Policy", "same-origin") // without any a browser hides the Origin of the form
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the client has gone; net/http ends the connection
}

// pageCounts says how many servers are in each state: "12 of 14 connected · 1 failed".
func pageCounts(snap *stateview.Snapshot) string {
	off := snap.CountByState(stateview.Disabled)
	parts := []string{fmt.Sprintf("%d of %d connected", snap.CountConnected(), snap.Count()-off)}
	for i := range stateview.NumStates {
		if st := stateview.State(i); st != stateview.Connected && snap.CountByState(st) > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", snap.CountByState(st), st.Words()))
		}
	}
	return strings.Join(parts, " · ")
}

func (s *Server) newPageServer(st *stateview.ServerStatus) pageServer {
	row := pageServer{Server: st.Name, Name: visible(st.Name), State: st.State.String(), Words: st.Words(), Problem: newPageProblem(st.Problem())}
	if len(st.Name) <= maxPageText {
		row.ID = "server-" + url.PathEscape(st.Name)
	}
	if l := st.Launch(); st.State == stateview.Quarantined && l.Line != "" {
		row.Would, row.LaunchID = "Would run", l.ID
		row.Launch = revealed(l.Line, len(l.Line)) // whole: who approves it must see its end
		if st.Transport == stateview.HTTP || st.Transport == stateview.SSE {
			row.Would = "Would contact"
		}
	}
	row.Held = s.heldTools(st)
	row.MoreHeld = st.Tools.Held() - len(row.Held)
	if !st.Since.IsZero() {
		row.Since, row.Stamp = stamp(st.Since), st.Since.UTC().Format(time.RFC3339)
	}
	if st.State == stateview.Backoff && !st.RetryAt.IsZero() {
		row.RetryAt = stamp(st.RetryAt)
	}
	switch n, held := st.Tools.Len(), st.Tools.Held(); {
	case held > 0:
		row.Tools = fmt.Sprintf("%d, %d held for review", n, held)
	case n > 0 || st.State == stateview.Connected:
		row.Tools = fmt.Sprint(n)
	}
	return row
}

func newPageProblem(p stateview.Problem) pageProblem {
	return pageProblem{visible(p.Text), visible(p.Hint), visible(p.Code)}
}

// heldTools shows the tools that wait for review, so far as there is room.
func (s *Server) heldTools(st *stateview.ServerStatus) (shown []pageTool) {
	for t := range st.Tools.All() {
		if !t.Held {
			continue
		}
		if len(shown) == maxPageHeld {
			break
		}
		row, held := pageTool{Name: visible(t.Name)}, s.heldTool(st.Name, t)
		if len(held.Definition) > 0 && len(held.Definition)+len(held.Approved) <= maxPageTool {
			row.Choice, row.Now, row.Was = toolChoice(HeldTool{t.Name, t.Hash}), laidOut(held.Definition), laidOut(held.Approved)
		}
		shown = append(shown, row)
	}
	return shown
}

// laidOut is valid JSON in lines, safe to look at; nothing stays nothing.
func laidOut(text json.RawMessage) string {
	var b bytes.Buffer
	if len(text) == 0 || json.Indent(&b, text, "", "  ") != nil {
		return ""
	}
	var lines []string
	for line := range strings.Lines(b.String()) {
		lines = append(lines, revealed(strings.TrimSuffix(line, "\n"), maxPageTool))
	}
	return strings.Join(lines, "\n")
}

// stamp is a time as people of this computer write it, the same however long the page stays open.
func stamp(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

// visible makes a text of unknown origin safe to look at: what is invisible or
// would turn the direction of the text becomes a mark, what is long is cut.
func visible(s string) string { return revealed(s, maxPageText) }

// revealed is visible with at most limit runes.
func revealed(s string, limit int) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > limit {
			b.WriteString("…")
			break
		}
		switch {
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		case unicode.IsControl(r), unicode.In(r, unicode.Cf, unicode.Co), !unicode.IsGraphic(r):
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
