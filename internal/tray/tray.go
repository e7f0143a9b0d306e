package tray

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"mcpproxy-tray/assets"
	"mcpproxy-tray/internal/stateview"
	"mcpproxy-tray/internal/tray/menu"
)

// A Screen shows a menu and reports clicks.
type Screen interface {
	// Apply changes what is shown. It is called by one goroutine, must return
	// soon and must not keep ops.
	Apply(ops []menu.Op)
	// Clicks yields the slots that were clicked. It is never closed.
	Clicks() <-chan menu.ID
	// Style says how labels are escaped for this screen.
	Style() menu.Style
}

// Commands are what a person can ask for in the menu. All may take a while and
// are called outside the drawing goroutine; they end soon after ctx is done. An
// error may have Problem() stateview.Problem, which is shown.
type Commands interface {
	SetEnabled(ctx context.Context, name string, on bool) error
	// EnableFor switches a server on and, after about that long, off again.
	EnableFor(ctx context.Context, name string, d time.Duration) error
	Restart(ctx context.Context, name string) error
	Approve(ctx context.Context, name, launchID string) error
}

// A Program is what the menu switches beside servers. Its errors are like those of Commands.
type Program interface {
	// Switches returns whether calls are paused, when which servers are switched
	// off again, and what is closed when either changes.
	Switches() (paused bool, until map[string]time.Time, changed <-chan struct{})
	SetPaused(ctx context.Context, on bool) error
	// AddText adds the servers that a text describes and returns their names; with
	// an error those that it had added before.
	AddText(ctx context.Context, text string) (names []string, err error)
}

// Mutes is what the user does not want to be notified of. Its errors are worded for people.
type Mutes interface {
	State() (on bool, quietUntil time.Time, muted []string) // muted is sorted
	Changed() <-chan struct{}
	SetOn(on bool) error
	QuietUntil(t time.Time) error
	MuteServer(name string, on bool) error
}

// Autostart says whether the program starts when the user logs in. Its errors are worded for people.
type Autostart interface {
	Enabled() bool
	SetEnabled(on bool) error
}

// A Desktop does what the desktop's own programs do. Its errors are worded for people.
type Desktop interface {
	OpenFile(path string) error
	CopyText(text string) error
	OpenURL(url string) error
	PasteText() (string, error)
	CanPaste() bool
}

// Options is what a Tray is made of. View, Screen, Commands and Desktop are
// required; without another its items are left out of the menu.
type Options struct {
	View     *stateview.View
	Screen   Screen
	Commands Commands
	Desktop  Desktop

	Program   Program
	Mutes     Mutes
	Autostart Autostart

	// Questions returns the servers whose questions wait for the user on the status
	// page, and what is closed when that changes.
	Questions func() (servers []string, changed <-chan struct{})

	Notify   func(title, body string)   // tells the user what became of a click; must not block
	LogFile  func(server string) string // where a server's log is
	URL      func() string              // the endpoint, for copying
	Page     func() string              // an address that shows the status page once
	Config   string                     // path of the configuration file
	Quit     func()                     // ends the program; must not block
	Interval time.Duration              // at most one redraw in; 0 = 250 ms
	Location *time.Location             // in which times are shown; nil = local
	Logger   *slog.Logger               // nil = nothing is logged

	// Drawn is told of each snapshot that was drawn, and whether that changed anything on
	// the screen; it must return soon. nil = nobody is told.
	Drawn func(s *stateview.Snapshot, changed bool)
}

const (
	// How long a slot that now means something else ignores clicks: they were
	// aimed at what it was.
	staleFor = 2 * time.Second
	// How long the opposite of what the user just did ignores clicks, so that the second
	// of a double click does not undo the first.
	doubleClick = 700 * time.Millisecond
	// How long an action that succeeded may stay marked as under way when the
	// server's status shows no change.
	pendingFor = 5 * time.Second
)

// A Tray is the presenter. Use New to make one.
type Tray struct {
	o    Options
	log  *slog.Logger
	wake chan struct{} // one slot: the notices changed
	asks chan ask      // from outside the menu

	mu      sync.Mutex // guards notices
	notices []Notice

	// Owned by Run's goroutine.
	shown    *menu.Menu
	ops      []menu.Op
	drawn    time.Time            // of the last redraw
	quitting bool                 // the user chose "Quit"
	picked   []string             // servers picked from a page, newest first
	pending  map[string]pending   // by server
	busy     map[menu.Kind]int    // seq of actions of no server that are under way
	news     news                 // what is drawn beside the servers
	asked    map[string]menu.Kind // by server: the last command the user gave, until its slot shows it
	slots    map[menu.ID]binding  // what each slot last meant
	results  chan result          // of commands
	seq      int                  // numbers commands
	work     sync.WaitGroup       // commands under way
}

// New returns a tray that shows nothing until Run.
func New(o Options) *Tray {
	o.Interval = cmp.Or(o.Interval, 250*time.Millisecond)
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	if o.Notify == nil {
		o.Notify = func(string, string) {}
	}
	if o.Drawn == nil {
		o.Drawn = func(*stateview.Snapshot, bool) {}
	}
	return &Tray{o: o, log: o.Logger.With("component", "tray"), wake: make(chan struct{}, 1), asks: make(chan ask, maxAsks), shown: menu.Blank(),
		pending: map[string]pending{}, busy: map[menu.Kind]int{}, asked: map[string]menu.Kind{}, slots: map[menu.ID]binding{}, results: make(chan result)}
}

// Icon returns the picture of an overall state in the form the platform's tray wants.
func Icon(i menu.Icon) []byte { return assets.Icon(i.String()) }

// Picture returns the program's picture for notifications, a PNG of 48 pixels.
func Picture() []byte { return assets.PNG(menu.IconNormal.String(), "48") }

// A Notice is something that the user should know about the program.
type Notice = menu.Notice

// SetNotices shows notices about the program itself below the header, instead of
// those before. It may be called at any time.
func (t *Tray) SetNotices(notices ...Notice) {
	t.mu.Lock()
	same := slices.Equal(t.notices, notices)
	t.notices = slices.Clone(notices)
	t.mu.Unlock()
	if same {
		return
	}
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Run draws each change and acts on clicks until ctx is done: the first change
// at once, then the latest at most once per interval. It returns when all
// commands it started have ended.
func (t *Tray) Run(ctx context.Context) error {
	defer t.work.Wait()
	timer := time.NewTimer(0)
	timer.Stop()
	defer timer.Stop()
	changed := t.draw()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
			changed = nil // the latest snapshot is read when it is drawn
			if wait := t.o.Interval - time.Since(t.drawn); wait > 0 {
				timer.Reset(wait)
				continue
			}
		case <-timer.C:
		case <-t.wake:
		case <-t.news.switched:
		case <-t.news.muted:
		case <-t.news.asked:
		case r := <-t.results:
			t.finished(r)
		case id := <-t.o.Screen.Clicks():
			t.clicked(ctx, id)
		case a := <-t.asks:
			t.answer(ctx, a)
		}
		changed = t.draw()
		if wait := t.expiry(); wait > 0 {
			timer.Reset(wait)
		} else {
			timer.Stop()
		}
	}
}

// draw shows the newest snapshot and returns what tells of a newer one.
func (t *Tray) draw() <-chan struct{} {
	s := t.o.View.Snapshot()
	t.settle(s)
	t.mu.Lock()
	notices := t.notices
	t.mu.Unlock()
	kinds := make(map[string]menu.Kind, len(t.pending))
	for name, p := range t.pending {
		kinds[name] = p.kind
	}
	o := menu.Options{Style: t.o.Screen.Style(), Location: t.o.Location, Notices: notices,
		Pending: kinds, Picked: t.picked, CanCopy: t.o.URL != nil, HasPage: t.o.Page != nil, HasFile: t.o.Config != "", Quitting: t.quitting}
	t.look(&o)
	next := menu.Build(s, o)
	t.ops = menu.Diff(t.ops[:0], t.shown, next)
	t.drawn = time.Now()
	t.bind()
	t.shown = next
	if len(t.ops) > 0 {
		t.o.Screen.Apply(t.ops)
	}
	t.o.Drawn(s, len(t.ops) > 0)
	return s.Changed()
}
