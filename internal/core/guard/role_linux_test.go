package guard

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The test binary is guard and app as well: these variables tell it to be so.
const (
	roleVariable  = "GUARD_TEST_DO"    // what the app does, see roles
	tokenVariable = "GUARD_TEST_TOKEN" // by which a witness knows all processes of a cycle
	dataVariable  = "GUARD_TEST_DATA"  // the data directory
)

func TestMain(m *testing.M) {
	name, arg, _ := strings.Cut(os.Getenv(roleVariable), " ")
	role, ok := roles[name]
	if !ok {
		// Whoever runs the tests may have it ignored, as nohup does, and a program that
		// inherits that rightly goes on. What is caught is not inherited.
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
		os.Exit(m.Run())
	}
	if name == "bare" {
		os.Exit(serveBare())
	}
	os.Exit(Main(func(t *Tree) int {
		recordStart(t)
		return role(t, arg)
	}))
}

// roles are what an app can do under its guard.
var roles = map[string]func(t *Tree, arg string) int{
	"serve": func(t *Tree, _ string) int { return serve(t) },
	"claim": func(t *Tree, _ string) int { return claimOnly(t) },
	"exit":  func(_ *Tree, code string) int { n, _ := strconv.Atoi(code); return n },
	"panic": func(*Tree, string) int { panic("as asked") },
	"kill": func(*Tree, string) int {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	},
	"deaf": func(t *Tree, _ string) int { return deaf(t) },
	"open": func(t *Tree, _ string) int { return openApart(t) },
	"bare": nil,
}

// recordStart adds a line to a file, so that a test can count lives.
func recordStart(t *Tree) {
	f, err := os.OpenFile(os.Getenv(dataVariable)+"/starts", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	fmt.Fprintln(f, t.Restarts())
	f.Close()
}

// restarted is added to the number of restarts; the sum is the exit code of an app
// that runs for the second time.
const restarted = 40

// serve is an app with one server of each kind.
func serve(t *Tree) int {
	ctx, stop := t.StopContext(context.Background())
	defer stop()
	if t.Restarts() > 0 {
		return restarted + t.Restarts()
	}
	if _, err := t.Claim(os.Getenv(dataVariable)); err != nil {
		return 91
	}
	var running []*exec.Cmd
	for kind := range servers {
		cmd := server(kind)
		if err := t.Start(cmd); err != nil {
			return 92
		}
		running = append(running, cmd)
	}
	fmt.Println("ready")
	<-ctx.Done()
	for range 100 {
		fmt.Println("stopping") // to whoever has closed the other end
		fmt.Fprintln(os.Stderr, "stopping")
	}
	t.Close()
	var all sync.WaitGroup
	for _, cmd := range running {
		all.Go(func() {
			go cmd.Wait() // which returns when Stop has ended it
			if err := t.Stop(cmd.Process, 50*time.Millisecond); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		})
	}
	all.Wait()
	return 0
}

// serveBare is the control: what plain children do.
func serveBare() int {
	var running []*exec.Cmd
	for kind := range servers {
		running = append(running, server(kind))
		if running[kind].Start() != nil {
			return 92
		}
	}
	fmt.Println("ready")
	for _, cmd := range running {
		_ = cmd.Wait() // they do not end
	}
	return 93
}

func claimOnly(t *Tree) int {
	found, err := t.Claim(os.Getenv(dataVariable))
	if err != nil {
		return 91
	}
	fmt.Println("claimed", len(found))
	return 0
}

// deaf hears that it should end, and does not.
func deaf(t *Tree) int {
	ctx, stop := t.StopContext(context.Background())
	defer stop()
	for kind := range servers {
		if t.Start(server(kind)) != nil {
			return 92
		}
	}
	fmt.Println("ready")
	<-ctx.Done()
	fmt.Println("asked")
	select {}
}

// openApart opens an "editor" for the user, which itself starts one and ends.
func openApart(t *Tree) int {
	ctx, stop := t.StopContext(context.Background())
	defer stop()
	if t.StartApart(exec.Command("sh", "-c", `sleep 86400.$0 & exit`, os.Getenv(tokenVariable))) != nil ||
		t.Start(server(0)) != nil {
		return 92
	}
	fmt.Println("ready")
	<-ctx.Done()
	return 0
}

const forever = `trap "" TERM HUP INT; while :; do sleep 86400.$0; done`

// servers are five kinds of them, as shell scripts. Whatever they start has the
// token in its command line, which no wiped environment hides.
var servers = []struct{ name, script string }{
	{"normal", `read x`},
	{"stubborn", forever},
	{"launcher", `sh -c '` + forever + `' $0 & read x`},
	{"setsid", `(setsid sh -c '` + forever + `' $0 </dev/null >/dev/null 2>&1 &); read x`},
	{"wiped", `(env -i setsid sh -c '` + forever + `' $0 </dev/null >/dev/null 2>&1 &); read x`},
}

// processes is how many one server of each kind has.
const processes = 1 + 2 + 3 + 3 + 3

// server prepares a server of a kind whose input stays open until we end.
func server(kind int) *exec.Cmd {
	cmd := exec.Command("sh", "-c", servers[kind].script, os.Getenv(tokenVariable))
	if _, err := cmd.StdinPipe(); err != nil {
		panic(err)
	}
	return cmd
}
