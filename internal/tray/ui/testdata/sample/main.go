// Program sample is the tray with servers that are only said to be there: it
// obeys lines on standard input and reports on standard output. The tests of
// package ui run it.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"mcpproxy-tray/internal/stateview"
	"mcpproxy-tray/internal/tray"
	"mcpproxy-tray/internal/tray/ui"
)

type app struct {
	view *stateview.View
	mu   sync.Mutex // one line at a time
}

func (a *app) say(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	fmt.Printf(format+"\n", args...)
}

func (a *app) SetEnabled(_ context.Context, name string, on bool) error {
	a.say("enabled %s %v", name, on)
	a.view.UpdateServer(name, func(s *stateview.ServerStatus) {
		s.Enabled, s.State = on, stateview.Disabled
		if on {
			s.State = stateview.Connected
		}
	})
	return nil
}

func (a *app) Restart(_ context.Context, name string) error {
	a.say("restart %s", name)
	return fmt.Errorf("sample cannot")
}

func (a *app) Approve(_ context.Context, name, id string) error {
	a.say("approve %s %s", name, id)
	a.view.UpdateServer(name, func(s *stateview.ServerStatus) { s.State = stateview.Connected })
	return nil
}

func (a *app) EnableFor(ctx context.Context, name string, _ time.Duration) error {
	return a.SetEnabled(ctx, name, true)
}

func (a *app) OpenURL(url string) error { a.say("browse %s", url); return nil }

func (a *app) PasteText() (string, error) { return "", nil }

func (a *app) CanPaste() bool { return true }

func (a *app) OpenFile(path string) error { a.say("open %s", path); return nil }

func (a *app) CopyText(text string) error { a.say("copy %s", text); return nil }

func main() {
	a := &app{view: stateview.New()}
	ctx, cancel := context.WithCancel(context.Background())
	screen := ui.New(ui.Options{ID: "sample", Icon: tray.Icon,
		Status: func(s ui.Status) { a.say("status %v %v %s", s.Available, s.Host, s.Reason) }})
	p := &program{say: a.say, changed: make(chan struct{})}
	presenter := tray.New(tray.Options{Program: p, Mutes: p, Autostart: login{p}, Page: func() string { return "http://127.0.0.1:7420/" },
		View: a.view, Screen: screen, Commands: a, Desktop: a, Quit: cancel,
		Notify:  func(title, body string) { a.say("notify %s: %s", title, body) },
		LogFile: func(server string) string { return "log of " + server },
		URL:     func() string { return "http://127.0.0.1:7420/mcp" }})
	var wg sync.WaitGroup
	wg.Go(func() { _ = presenter.Run(ctx) })
	go a.obey(cancel) // ends with the process: nothing interrupts a read of standard input
	if err := screen.Run(ctx); err != nil {
		a.say("run %v", err)
	}
	<-ctx.Done()
	wg.Wait()
	a.say("ended")
}

// obey carries out lines until the end of the input, which ends the program.
func (a *app) obey(quit func()) {
	defer quit()
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		switch f := strings.Fields(in.Text()); f[0] {
		case "set": // set NAME STATE TOOLS
			a.set(f[1], f[2], f[3])
		case "many": // many N
			n, _ := strconv.Atoi(f[1])
			a.view.Update(func(b *stateview.Batch) {
				for i := range n {
					b.UpdateServer(fmt.Sprintf("s%04d", i), func(s *stateview.ServerStatus) { s.State, s.Enabled = stateview.Connected, true })
				}
			})
		case "remove":
			a.view.RemoveServer(f[1])
		case "goroutines":
			a.say("goroutines %d", runtime.NumGoroutine())
		}
	}
}

func (a *app) set(name, state, count string) {
	st, ok := stateview.ParseState(state)
	if !ok {
		panic("no state " + state)
	}
	n, _ := strconv.Atoi(count)
	tools := make([]stateview.Tool, n)
	a.view.UpdateServer(name, func(s *stateview.ServerStatus) {
		s.State, s.Enabled, s.Tools = st, st != stateview.Disabled, stateview.NewToolList(tools)
		s.Transport = stateview.Stdio
		s.SetLaunch(stateview.Launch{Line: "run " + name, ID: "id-of-" + name})
	})
}
