//go:build unix && !darwin

package sni

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/godbus/dbus/v5"

	"mcpproxy-tray/internal/tray/menu"
)

// ErrNoBus is what Run returns when there was no session bus to begin with.
var ErrNoBus = errors.New("no session bus")

// Options is what an Item is made of. All but Logger are required.
type Options struct {
	ID      string                                    // by which the desktop knows the icon, and its title
	Icon    func(menu.Icon) []byte                    // pictures, as PNG
	Clicked func(menu.ID)                             // must not block; called by any goroutine
	Status  func(connected, host bool, reason string) // told of each change, see Run; must not block
	Logger  *slog.Logger                              // nil = nothing is logged
}

// An Item is one icon with its menu. Use New to make one.
type Item struct {
	o   Options
	log *slog.Logger

	mu       sync.Mutex  // guards what follows
	bus      *bus        // nil while there is no connection
	nodes    []menu.Node // what the menu shows: node i belongs to slot i+1
	grown    []bool      // by slot: a submenu with all its items, see layout
	revision uint32      // of the layout
	icon     menu.Icon
	tooltip  string
	pictures map[menu.Icon][]pixmap // decoded once each
	readers  map[string]*reader     // by unique bus name
}

// New returns an item that shows nothing until Draw, and that to nobody until Run.
func New(o Options) *Item {
	blank := menu.Blank()
	return &Item{o: o, log: cmp.Or(o.Logger, slog.New(slog.DiscardHandler)), nodes: blank.Nodes, grown: make([]bool, len(blank.Nodes)),
		revision: 1, icon: blank.Icon, tooltip: blank.Tooltip, pictures: map[menu.Icon][]pixmap{}, readers: map[string]*reader{}}
}

// Draw shows m, of which only the slots in changed may differ from the last time.
// It keeps neither. What did not change costs no message; all else at most one for
// the items, one for new submenus, one for the icon and one for the tooltip.
func (i *Item) Draw(m *menu.Menu, changed []menu.ID) {
	i.mu.Lock()
	updated := i.take(m, changed)
	grew := i.grow()
	icon, tooltip := i.icon != m.Icon, i.tooltip != m.Tooltip
	i.icon, i.tooltip = m.Icon, m.Tooltip
	revision, b := i.revision, i.bus
	i.mu.Unlock()
	if b == nil {
		return // whoever connects reads all
	}
	if len(updated) > 0 {
		b.emit(menuPath, menuIface+".ItemsPropertiesUpdated", updated, []removedProperties{})
	}
	if grew {
		b.emit(menuPath, menuIface+".LayoutUpdated", revision, int32(0))
	}
	if icon {
		b.set("IconPixmap", i.picture(m.Icon))
		b.emit(itemPath, itemIface+".NewIcon")
	}
	if tooltip {
		b.set("ToolTip", toolTip{Title: m.Tooltip})
		b.emit(itemPath, itemIface+".NewToolTip")
	}
}

// take notes what m shows and returns what that changes for who knows the menu. The caller holds mu.
func (i *Item) take(m *menu.Menu, changed []menu.ID) []itemProperties {
	var updated []itemProperties
	for _, id := range changed {
		old, now := i.nodes[id-1], m.At(id)
		i.nodes[id-1] = now
		if !i.known(id) {
			continue // told with the layout that has it
		}
		if p := changes(id, old, now); len(p) > 0 {
			updated = append(updated, itemProperties{int32(id), p})
		}
	}
	return updated
}

// Run shows the item to the desktop until ctx is done. Without a session bus it
// returns ErrNoBus, having told Status why. When the bus goes away it waits for it
// to come back; without a panel it waits for one. Status is told whether there is a
// bus, whether a panel shows the icon, and if not, why, worded for people.
func (i *Item) Run(ctx context.Context) error {
	b, reason := i.connect(ctx)
	if reason != "" {
		i.o.Status(false, false, reason)
		return ErrNoBus
	}
	for b != nil {
		i.attach(b)
		reason := i.follow(ctx, b)
		i.attach(nil)
		b.close()
		if ctx.Err() != nil {
			return nil
		}
		i.log.Info("the session bus is lost", "reason", reason)
		i.o.Status(false, false, reason)
		b = i.reconnect(ctx)
	}
	return nil
}

// attach has Draw draw to b. What was drawn since b was made is there by then.
func (i *Item) attach(b *bus) {
	for {
		i.mu.Lock()
		icon, tooltip := i.icon, i.tooltip
		i.mu.Unlock()
		if b != nil {
			b.set("IconPixmap", i.picture(icon))
			b.set("ToolTip", toolTip{Title: tooltip})
		}
		i.mu.Lock()
		same := icon == i.icon && tooltip == i.tooltip
		if same {
			i.bus = b
			i.forgetReaders()
		}
		i.mu.Unlock()
		if same {
			return
		}
	}
}

// picture returns an icon as the desktop wants it.
func (i *Item) picture(icon menu.Icon) []pixmap {
	i.mu.Lock()
	defer i.mu.Unlock()
	p, ok := i.pictures[icon]
	if !ok {
		p = pixmaps(i.o.Icon(icon))
		i.pictures[icon] = p
	}
	return p
}

// A toolTip is the value of the property of that name. [StatusNotifierItem, ToolTip]
type toolTip struct {
	Icon     string
	Pictures []pixmap
	Title    string
	Text     string
}

// Methods of org.kde.StatusNotifierItem. Panels show the menu, as ItemIsMenu asks
// them to; those that ask here first do so after this refusal.
type notifier struct{}

func (notifier) Activate(_, _ int32) *dbus.Error          { return &dbus.ErrMsgUnknownMethod }
func (notifier) SecondaryActivate(_, _ int32) *dbus.Error { return &dbus.ErrMsgUnknownMethod }
func (notifier) ContextMenu(_, _ int32) *dbus.Error       { return &dbus.ErrMsgUnknownMethod }
func (notifier) Scroll(_ int32, _ string) *dbus.Error     { return nil }
