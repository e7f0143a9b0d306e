package ui

import (
	"errors"
	"log/slog"
	"maps"
	"os"
	"runtime"
	"slices"
	"sync"

	"mcpproxy-tray/internal/tray/menu"
)

// ErrNoTray is what Run returns when there is nothing a tray icon could be shown with.
var ErrNoTray = errors.New("no tray here")

// Options is what a Tray is made of. ID and Icon are required.
type Options struct {
	ID     string                 // by which the desktop knows the icon, for example "mcpproxy-tray"
	Icon   func(menu.Icon) []byte // pictures: ICO on Windows, else PNG
	Status func(Status)           // told of each change of Status; must not block; may be nil
	Logger *slog.Logger           // nil = nothing is logged
}

// A Status says whether the user can see the icon.
type Status struct {
	Available bool   // a tray icon is possible: the session bus is there
	Host      bool   // a panel that shows icons is there
	Reason    string // why not, worded for people; empty if Host
}

// A Tray is a tray icon with its menu; it implements tray.Screen. Use New to make one.
type Tray struct {
	o      Options
	log    *slog.Logger
	style  menu.Style
	clicks chan menu.ID
	wake   chan struct{} // one slot: dirty is not empty

	mu     sync.Mutex       // guards what follows
	want   *menu.Menu       // what should be on the screen
	dirty  map[menu.ID]bool // slots to look at
	status Status
}

// New returns a tray that shows nothing until Run.
func New(o Options) *Tray {
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Tray{o: o, log: log.With("component", "ui"), style: menu.StyleFor(runtime.GOOS, os.Getenv("XDG_CURRENT_DESKTOP")),
		clicks: make(chan menu.ID, 64), wake: make(chan struct{}, 1), want: menu.Blank(), dirty: map[menu.ID]bool{}, status: Status{Reason: "starting"}}
}

// Apply notes what should be shown; it is drawn soon.
func (t *Tray) Apply(ops []menu.Op) {
	t.mu.Lock()
	t.want.Apply(ops)
	for _, op := range ops {
		if op.Kind == menu.SetNode {
			t.dirty[op.Node.ID] = true
		}
	}
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// take returns what is wanted and which slots changed since the last take.
func (t *Tray) take(into *menu.Menu) []menu.ID {
	t.mu.Lock()
	defer t.mu.Unlock()
	into.Icon, into.Tooltip = t.want.Icon, t.want.Tooltip
	copy(into.Nodes, t.want.Nodes)
	dirty := slices.Sorted(maps.Keys(t.dirty)) // parents have smaller IDs than their children
	clear(t.dirty)
	return dirty
}

// click notes a click on a slot.
func (t *Tray) click(id menu.ID) {
	select {
	case t.clicks <- id:
	default: // 64 clicks wait already
	}
}

// Clicks yields the slots that were clicked.
func (t *Tray) Clicks() <-chan menu.ID { return t.clicks }

// Style returns how this desktop reads labels.
func (t *Tray) Style() menu.Style { return t.style }

// Status returns whether the user can see the icon.
func (t *Tray) Status() Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.status
}

func (t *Tray) setStatus(s Status) {
	t.mu.Lock()
	same := t.status == s
	t.status = s
	t.mu.Unlock()
	if !same && t.o.Status != nil {
		t.o.Status(s)
	}
}
