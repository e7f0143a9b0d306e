package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"mcpproxy-tray/internal/core"
	"mcpproxy-tray/internal/core/guard"
	"mcpproxy-tray/internal/stateview"
	"mcpproxy-tray/internal/tray"
	"mcpproxy-tray/internal/tray/autostart"
	"mcpproxy-tray/internal/tray/desktop"
	"mcpproxy-tray/internal/tray/notify"
	"mcpproxy-tray/internal/tray/ui"
)

// appID is the program's name to the desktop.
const appID = "mcpproxy-tray"

// explained is an error that knows what to tell people.
type explained interface {
	error
	Problem() stateview.Problem
}

func newServe(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Run without a tray",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return start(c, o, nil, func(ctx context.Context, p *core.Core, _ *slog.Logger) error { return p.Run(ctx) })
		},
	}
}

// runTray runs the program in the tray.
func runTray(c *cobra.Command, o *options) error {
	f := &face{tree: o.tree, note: notify.NewDesktop(tray.Picture())}
	err := start(c, o, f, f.run)
	if err != nil && f.notifier == nil {
		// Who started it from the desktop sees no terminal.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), 3*time.Second)
		defer cancel()
		_ = f.note.Send(ctx, notify.Note{Title: "mcpproxy-tray did not start", Body: err.Error(), Urgent: true})
		_ = f.note.Close()
	}
	return err
}

// start opens the core and runs it, or asks the instance that runs already to
// show itself. f is nil without a tray.
func start(c *cobra.Command, o *options, f *face, run func(context.Context, *core.Core, *slog.Logger) error) error {
	core.PaceGarbage()
	opt, err := o.coreOptions()
	if err != nil {
		return startFailure(err)
	}
	level, err := o.level()
	if err != nil {
		return usageError(err)
	}
	threshold := &slog.LevelVar{}
	threshold.Set(level)
	log, closeLog := core.NewLogger(opt.Dirs, c.ErrOrStderr(), threshold)
	defer closeLog()
	opt.Logger = log
	if err := core.KeepCrashReport(opt.Dirs); err != nil {
		log.Warn("a crash would leave no report", "err", err)
	}
	if !c.Flags().Changed("log-level") {
		opt.Level = threshold
	}
	if f != nil {
		f.errOut = c.ErrOrStderr()
		opt.Show, opt.Tray, opt.Woke, opt.Configured = f.show, f.status, f.woke, f.configured
	}
	p, err := core.Open(c.Context(), opt)
	if running, ok := errors.AsType[*core.AlreadyRunningError](err); ok {
		return showRunning(c, o, running.Instance, f != nil)
	}
	if err != nil {
		log.Error("start failed", "err", err)
		return startFailure(err)
	}
	if err := run(c.Context(), p, log); err != nil {
		log.Error("ended", "err", err)
		return startFailure(err)
	}
	return nil
}

// showRunning tells of the running instance, and opens its status page if this
// start was meant for the desktop.
func showRunning(c *cobra.Command, o *options, inst core.Instance, open bool) error {
	say(c, "mcpproxy-tray is already running (process %d) at %s", inst.PID, inst.URL)
	a, err := o.connect()
	if err != nil || !open {
		return err
	}
	url, err := a.page(c.Context())
	if err == nil {
		err = desktop.Desktop{Start: o.tree.StartApart}.OpenURL(url)
	}
	if err != nil {
		say(c, "its status page was not opened: %s", err.Error())
		if url != "" {
			say(c, "this opens it once, within a minute: %s", url)
		}
		_, _ = a.do(c.Context(), http.MethodPost, "/api/v1/show", nil) // one without a tray has nothing to show
	}
	return nil
}

// A face is what the desktop shows of a core: icon, menu and notifications.
type face struct {
	tree     *guard.Tree
	note     *notify.Desktop
	errOut   io.Writer
	screen   *ui.Tray
	notifier *notify.Notifier
	core     *core.Core
	told     sync.Once
}

// show answers a second start.
func (f *face) show() {
	f.notifier.Show("mcpproxy-tray is running", "Its endpoint is "+f.core.EndpointURL())
}

// woke keeps quiet about what a sleep did to the servers.
func (f *face) woke() { f.notifier.Woke() }

// configured applies the settings of another configuration.
func (f *face) configured() { f.notifier.SetSettings(settings(f.core)) }

func (f *face) status() core.Tray {
	if f.screen == nil {
		return core.Tray{Running: true}
	}
	s := f.screen.Status()
	return core.Tray{Running: true, Attached: s.Host, Reason: s.Reason}
}

// run runs core and desktop side by side; the tray's loop has the main
// goroutine, as macOS wants it. The core goes on without a tray.
func (f *face) run(ctx context.Context, p *core.Core, log *slog.Logger) error {
	f.core = p
	f.screen = ui.New(ui.Options{ID: appID, Icon: tray.Icon, Status: f.hostChanged, Logger: log})
	mutes := notify.OpenMutes(p.MutesFile())
	drawn, _ := p.Metrics().Menu.Follow()
	decided, _ := p.Metrics().Notify.Follow()
	f.notifier = notify.New(notify.Options{View: p.StateView(), Sender: f.note, Settings: settings(p), Mutes: mutes,
		Told: notify.OpenTold(p.ToldFile(), log), Status: p.Notified, Logger: log,
		Decided: decided, Sent: p.Metrics().Notified})
	t := tray.New(tray.Options{
		Mutes: mutes, Autostart: f.login(log),
		View: p.StateView(), Screen: f.screen, Commands: p, Desktop: desktop.Desktop{Start: f.tree.StartApart}, Notify: f.notifier.Show,
		Questions: func() (servers []string, changed <-chan struct{}) {
			open, changed := p.Questions()
			for _, q := range open {
				servers = append(servers, q.Server)
			}
			return servers, changed
		},
		Program: p, LogFile: p.LogFile, URL: p.EndpointURL, Page: p.PageURL, Config: p.ConfigFile(), Quit: p.Quit, Logger: log,
		Drawn: drawn,
	})
	f.note.Invoked = func(i notify.Invoked) {
		f.notifier.Answered(i)
		invoked(t, i)
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	var coreErr error
	wg.Go(func() {
		defer cancel() // the end of the core ends the rest
		coreErr = p.Run(ctx)
	})
	wg.Go(func() { ended(ctx, log, "tray", t.Run(ctx)) })
	wg.Go(func() { ended(ctx, log, "notifications", f.notifier.Run(ctx)) })
	wg.Go(func() { f.notices(ctx, mutes, t) })
	wg.Go(func() { questions(ctx, p, f.notifier) })
	if err := f.screen.Run(ctx); errors.Is(err, ui.ErrNoTray) {
		f.headless(f.screen.Status().Reason)
	} else {
		ended(ctx, log, "icon", err)
	}
	wg.Wait()
	return coreErr
}

// invoked carries out what was asked for with a notification, as the menu does.
func invoked(t *tray.Tray, i notify.Invoked) {
	switch {
	case i.Action == notify.Restart:
		t.Restart(i.Server)
	case i.Action == notify.Mute:
		t.Mute(i.Server)
	case i.OfQuestion():
		t.OpenQuestions(i.Token)
	default:
		t.OpenPage(i.Server, i.Token)
	}
}

// login is the start at login; nil where there is none, or where everything is in
// one folder, which a login would not know of.
func (f *face) login(log *slog.Logger) tray.Autostart {
	program, err := os.Executable()
	if err != nil || os.Getenv("MCPPROXY_TRAY_HOME") != "" {
		return nil
	}
	l, err := autostart.New(program)
	if err != nil {
		log.Warn("no start at login", "err", err)
		return nil
	}
	return l
}

func ended(ctx context.Context, log *slog.Logger, part string, err error) {
	if err != nil && ctx.Err() == nil {
		log.Error("part of the program ended", "part", part, "err", err)
	}
}

// hostChanged says once that there is no panel to show the icon.
func (f *face) hostChanged(s ui.Status) {
	if s.Available && !s.Host {
		f.headless(s.Reason)
	}
}

func (f *face) headless(reason string) {
	f.told.Do(func() {
		fmt.Fprintf(f.errOut, "no tray: %s; serving without an icon at %s\n", cmp.Or(reason, "unknown reason"), f.core.EndpointURL())
	})
}

// questions has the user told of what servers ask.
func questions(ctx context.Context, p *core.Core, n *notify.Notifier) {
	for {
		open, changed := p.Questions()
		told := make([]notify.Question, len(open))
		for i, q := range open {
			told[i] = notify.Question{ID: q.ID, Server: q.Server}
		}
		n.Questions(told)
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// settings are those of the configuration, with the defaults of what it does not set.
func settings(p *core.Core) notify.Settings {
	n, s := p.Config().Notifications, notify.DefaultSettings()
	s.Off = !n.Enabled
	s.MinUp, s.DownAfter, s.Group = n.MinUp, n.DownAfter, n.Group
	s.StartupQuiet, s.FlapMute = n.StartupQuiet, n.FlapMute
	s.NeedAfter, s.Silent = n.NeedAfter, n.Silent
	return s
}
