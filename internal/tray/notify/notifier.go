package notify

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"mcpproxy-tray/internal/stateview"
)

const (
	sendLimit = 3 * time.Second  // a daemon that hangs costs no more per notification
	maxQueue  = 16               // the newest are kept
	sleepGap  = 20 * time.Second // of the wall clock over the monotonic one: the computer slept

	// How long to wait before a probe that nothing called for: the first time, and at most.
	// A daemon that hangs, or a bus that is gone, says nothing when it is back.
	firstProbe, lastProbe = 5 * time.Second, 5 * time.Minute
)

// A Sender shows notifications. Run is its only caller.
type Sender interface {
	// Send shows n, in place of the last one of the same tag. It returns when ctx
	// is done, if not before.
	Send(ctx context.Context, n Note) error
	// Withdraw takes the last note of that tag off the screen, if it can and it is there.
	Withdraw(ctx context.Context, tag string) error
	// Close frees what Send needed.
	Close() error
}

// A Prober is a Sender that can tell whether a note would be shown. What could not be
// shown is then told when it can, as far as it is still true.
type Prober interface {
	// Probe fails as Send would. It returns when ctx is done, if not before.
	Probe(ctx context.Context) error
	// Returned yields when it is worth a probe. It may be nil.
	Returned() <-chan struct{}
}

// Discard is a Sender that shows nothing.
type Discard struct{}

// Send does nothing.
func (Discard) Send(context.Context, Note) error { return nil }

// Withdraw does nothing.
func (Discard) Withdraw(context.Context, string) error { return nil }

// Close does nothing.
func (Discard) Close() error { return nil }

// Options are what a Notifier needs.
type Options struct {
	View     *stateview.View // required
	Sender   Sender          // required; Run closes it
	Settings Settings
	Mutes    *Mutes       // nil mutes nothing
	Told     *Told        // nil remembers nothing over restarts
	Logger   *slog.Logger // nil discards

	// Status is told when a note could not be shown, and when the first one after
	// that could. It must not block; nil is told nothing.
	Status func(works bool)
	// Decided is told of each snapshot that was decided on, and whether there is something
	// to say. Sent is told of each note whether it was shown. Both must return soon; nil is
	// told nothing.
	Decided func(s *stateview.Snapshot, notes bool)
	Sent    func(shown bool)
}

// A Notifier notifies the user of what happens to the servers. Use New.
type Notifier struct {
	view  *stateview.View
	send  Sender
	mutes *Mutes
	told  *Told
	log   *slog.Logger
	ready chan struct{} // one slot: the queue is not empty
	woke  chan struct{} // one slot: the computer slept
	asked chan struct{} // one slot: set or questions are others

	status  func(works bool)
	decided func(s *stateview.Snapshot, notes bool)
	note    func(shown bool)
	works   bool     // deliver's own
	toldOf  []string // IDs of the questions that the last note names; Run's own

	mu        sync.Mutex // guards what follows
	set       Settings
	queue     []Note     // oldest first
	sending   string     // tag of the note that is on its way
	deaf      bool       // nothing can be shown, which is being probed
	unshown   []string   // tags of notes that were lost by that
	questions []Question // that wait
}

// New returns a notifier that does nothing before Run.
func New(o Options) *Notifier {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Status == nil {
		o.Status = func(bool) {}
	}
	if o.Decided == nil {
		o.Decided = func(*stateview.Snapshot, bool) {}
	}
	if o.Sent == nil {
		o.Sent = func(bool) {}
	}
	return &Notifier{status: o.Status, decided: o.Decided, note: o.Sent, works: true, view: o.View, send: o.Sender, set: o.Settings, mutes: o.Mutes, told: o.Told, log: o.Logger.With("component", "notify"),
		ready: make(chan struct{}, 1), woke: make(chan struct{}, 1), asked: make(chan struct{}, 1)}
}

// Show shows a notification of the program's own, e.g. why a command failed. A
// later one with the same title replaces it. It never blocks.
func (n *Notifier) Show(title, body string) {
	n.put(Note{Tag: "show/" + title, Title: clean(title, maxText), Body: clean(body, maxBody), Category: vendor + "answer"})
}

// Answered takes a note off the screen, for LXQt and others leave it there with
// buttons that have done their work. It never blocks.
func (n *Notifier) Answered(i Invoked) {
	n.mu.Lock()
	defer n.mu.Unlock()
	newer := n.sending == i.Tag || slices.ContainsFunc(n.queue, func(q Note) bool { return q.Tag == i.Tag })
	if !newer {
		n.add(Note{Tag: i.Tag, withdrawn: true})
	}
}

// Woke says that the computer was asleep: what broke meanwhile is no news at once.
// It never blocks.
func (n *Notifier) Woke() {
	select {
	case n.woke <- struct{}{}:
	default:
	}
}

// SetSettings has other settings hold from now on. It never blocks.
func (n *Notifier) SetSettings(s Settings) {
	n.mu.Lock()
	n.set = s
	n.mu.Unlock()
	n.decide()
}

// decide has Run decide anew.
func (n *Notifier) decide() {
	select {
	case n.asked <- struct{}{}:
	default:
	}
}

func (n *Notifier) settings() Settings {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.set
}

// Run notifies until ctx is done. It wakes up for changes and, only while
// something is pending, for a deadline.
func (n *Notifier) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { n.deliver(ctx) })
	last := time.Now()
	d := NewDecider(n.settings(), last)
	if n.told != nil {
		n.told.remind(d)
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for woke := false; ; {
		now := time.Now()
		if woke || slept(now.Round(0).Sub(last.Round(0)), now.Sub(last)) {
			d.Wake(now)
		}
		woke = false
		last = now
		d.set = n.settings()
		lost, deaf := n.losses()
		d.Unshown(lost)
		set := d.set
		set.Off = set.Off || deaf
		if slices.Contains(lost, questionTag) {
			n.toldOf = nil
		}
		again := n.ask(now, set)
		muting := n.hush(d, now, set.Off)
		snap := n.view.Snapshot()
		notes, next := d.Decide(now, snap)
		for _, note := range notes {
			n.put(note)
		}
		n.remember(d)
		n.decided(snap, len(notes) > 0)
		if next.IsZero() || !again.IsZero() && again.Before(next) {
			next = again
		}
		timer.Stop()
		var due <-chan time.Time
		if !next.IsZero() {
			timer.Reset(next.Sub(now))
			due = timer.C
		}
		select {
		case <-snap.Changed():
		case <-due:
		case <-muting:
		case <-n.asked:
		case <-n.woke:
			woke = true
		case <-ctx.Done():
			return nil
		}
	}
}

// losses returns the tags of notes that could not be shown since the last time, and
// whether none can now.
func (n *Notifier) losses() (tags []string, deaf bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	tags, n.unshown = n.unshown, nil
	return tags, n.deaf
}

// remember keeps what the user was told over a restart.
func (n *Notifier) remember(d *Decider) {
	if n.told == nil {
		return
	}
	if err := n.told.learn(d); err != nil {
		n.log.Warn("what was notified of is not remembered", "err", err)
	}
}

// slept reports whether the wall clock ran so far ahead of the monotonic one,
// which stands still while a computer sleeps. It bridges the time until Woke is
// called, which takes up to a minute on systems that do not announce a wake-up.
func slept(wall, monotonic time.Duration) bool { return wall-monotonic > sleepGap }

// put queues a note in place of one of its tag. A full queue loses its oldest.
func (n *Notifier) put(note Note) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.add(note)
}

// add is put; the caller holds mu.
func (n *Notifier) add(note Note) {
	n.queue = slices.DeleteFunc(n.queue, func(q Note) bool {
		if q.Tag == note.Tag && !q.withdrawn && !q.update {
			note.update = false // that one has not been shown yet
		}
		return q.Tag == note.Tag
	})
	n.queue = append(n.queue, note)
	if over := len(n.queue) - maxQueue; over > 0 {
		n.queue = slices.Delete(n.queue, 0, over)
	}
	select {
	case n.ready <- struct{}{}:
	default:
	}
}

// sent tells how a note fared. Only deliver calls it.
func (n *Notifier) sent(tag string, err error) {
	n.note(err == nil)
	if err != nil {
		n.log.Warn("notification not shown", "err", err)
		if _, ok := n.send.(Prober); ok {
			n.mu.Lock()
			n.deaf, n.unshown = true, append(n.unshown, tag)
			n.mu.Unlock()
			n.decide()
		}
	}
	n.fares(err == nil)
}

// fares says whether notes can be shown. Only deliver calls it.
func (n *Notifier) fares(works bool) {
	if works {
		n.mu.Lock()
		was := n.deaf
		n.deaf = false
		n.mu.Unlock()
		if was {
			n.decide()
		}
	}
	if n.works != works {
		n.works = works
		n.status(works)
	}
}

func (n *Notifier) take() (Note, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sending = ""
	if len(n.queue) == 0 {
		return Note{}, false
	}
	note := n.queue[0]
	n.queue = slices.Delete(n.queue, 0, 1)
	if !note.withdrawn {
		n.sending = note.Tag
	}
	return note, true
}

// deliver sends what is queued, one after the other, until ctx is done. While nothing
// can be shown it looks whether that has changed.
func (n *Notifier) deliver(ctx context.Context) {
	defer func() {
		if err := n.send.Close(); err != nil {
			n.log.Debug("close notifications", "err", err)
		}
	}()
	probe := time.NewTimer(0)
	probe.Stop()
	defer probe.Stop()
	wait := firstProbe
	prober, _ := n.send.(Prober)
	for {
		var returned <-chan struct{}
		if n.works || prober == nil {
			wait = firstProbe
			probe.Stop()
		} else {
			returned = prober.Returned()
			probe.Reset(wait)
		}
		select {
		case <-n.ready:
		case <-returned:
			n.probe(ctx, prober)
			continue
		case <-probe.C:
			n.probe(ctx, prober)
			wait = min(2*wait, lastProbe)
			continue
		case <-ctx.Done():
			return
		}
		for note, ok := n.take(); ok && ctx.Err() == nil; note, ok = n.take() {
			limited, cancel := context.WithTimeout(ctx, sendLimit)
			var err error
			if note.withdrawn {
				err = n.send.Withdraw(limited, note.Tag)
			} else {
				err = n.send.Send(limited, note)
			}
			cancel()
			if ctx.Err() == nil && !note.withdrawn {
				n.sent(note.Tag, err)
			}
		}
	}
}

// probe looks whether notes can be shown again.
func (n *Notifier) probe(ctx context.Context, p Prober) {
	limited, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	if err := p.Probe(limited); err == nil {
		n.fares(true)
	}
}
