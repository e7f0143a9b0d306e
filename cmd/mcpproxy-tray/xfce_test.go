//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"mcpproxy-tray/internal/tray/traytest"
)

// A panelDesktop is a screen with a real xfce4-panel and a real notification daemon
// on a private bus. All of it ends with the test.
type panelDesktop struct {
	t   *testing.T
	bus *traytest.PrivateBus
	env []string // for every process of this desktop
	dir string   // screenshots
}

const panelConfig = `<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=10;x=0;y=0"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="length" type="uint" value="100"/>
      <property name="size" type="uint" value="32"/>
      <property name="plugin-ids" type="array">
        <value type="int" value="1"/>
        <value type="int" value="2"/>
      </property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="separator">
      <property name="expand" type="bool" value="true"/>
      <property name="style" type="uint" value="0"/>
    </property>
    <property name="plugin-2" type="string" value="systray">
      <property name="square-icons" type="bool" value="true"/>
    </property>
  </property>
</channel>
`

// Size of the screen and height of the panel at its bottom, in pixels.
const (
	screenW, screenH = 900, 560
	panelH           = 34
)

func startDesktop(t *testing.T) *panelDesktop {
	t.Helper()
	home := t.TempDir()
	d := &panelDesktop{t: t, bus: traytest.Bus(t), dir: t.ArtifactDir()}
	conf := filepath.Join(home, ".config", "xfce4", "xfconf", "xfce-perchannel-xml")
	runDir := filepath.Join(home, "run")
	for dir, mode := range map[string]os.FileMode{conf: 0o755, runDir: 0o700} {
		if err := os.MkdirAll(dir, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(conf, "xfce4-panel.xml"), []byte(panelConfig), 0o644); err != nil {
		t.Fatal(err)
	}
	d.env = []string{
		"HOME=" + home, "XDG_RUNTIME_DIR=" + runDir, "XDG_CONFIG_HOME=" + home + "/.config", "XDG_CACHE_HOME=" + home + "/.cache",
		"XDG_DATA_HOME=" + home + "/.local/share", "XDG_CURRENT_DESKTOP=XFCE", "GDK_BACKEND=x11", "NO_AT_BRIDGE=1",
		"GTK_USE_PORTAL=0", "LC_ALL=C.UTF-8", d.bus.Env(),
	}
	d.startX()
	d.tool("xsetroot", "-solid", "#3b6ea5")
	lib := "/usr/lib/" + map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH] + "-linux-gnu/xfce4/"
	d.spawn(lib + "xfconf/xfconfd")
	d.waitOwner("org.xfce.Xfconf")
	d.spawn(lib + "notifyd/xfce4-notifyd")
	d.waitOwner("org.freedesktop.Notifications")
	d.startPanel()
	return d
}

func (d *panelDesktop) startPanel() *exec.Cmd {
	d.t.Helper()
	cmd := d.spawn("xfce4-panel", "--disable-wm-check")
	d.waitOwner("org.kde.StatusNotifierWatcher")
	return cmd
}

// spawn starts a process of the desktop in a group of its own.
func (d *panelDesktop) spawn(name string, args ...string) *exec.Cmd {
	d.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), d.env...)
	var out syncBuffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		d.t.Fatalf("%v\nrun .ci/setup first", err)
	}
	d.t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it may have ended by itself
		_ = cmd.Wait()
		if d.t.Failed() {
			d.t.Logf("output of %s:\n%s", name, &out)
		}
	})
	return cmd
}

func (d *panelDesktop) startX() {
	d.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		d.t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", fmt.Sprintf("%dx%dx24", screenW, screenH), "-nolisten", "tcp", "-noreset")
	cmd.ExtraFiles = []*os.File{w}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		d.t.Fatalf("%v\nrun .ci/setup first", err)
	}
	w.Close()
	d.t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	number, err := bufio.NewReader(r).ReadString('\n') // all of it: Xvfb ends if nobody reads
	if err != nil {
		d.t.Fatalf("Xvfb did not start: %v", err)
	}
	d.env = append(d.env, "DISPLAY=:"+strings.TrimSpace(number))
}

func (d *panelDesktop) waitOwner(name string) {
	d.t.Helper()
	conn := d.bus.Connect(d.t)
	d.wait("an owner of "+name, func() bool {
		var has bool
		err := conn.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, name).Store(&has)
		return err == nil && has
	})
}

func (d *panelDesktop) wait(what string, cond func() bool) {
	d.t.Helper()
	for deadline := time.Now().Add(patience); !cond(); {
		if time.Now().After(deadline) {
			d.t.Fatalf("waited %v for %s", patience, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// tool runs one of the X tools and returns what it prints.
func (d *panelDesktop) tool(name string, args ...string) []byte {
	d.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), d.env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		d.t.Fatalf("%s %v: %v\n%s", name, args, err, &stderr)
	}
	return out
}

func (d *panelDesktop) grab() image.Image {
	d.t.Helper()
	img, err := png.Decode(bytes.NewReader(d.tool("import", "-silent", "-window", "root", "png:-")))
	if err != nil {
		d.t.Fatal(err)
	}
	return img
}

// shot keeps a screenshot for people to look at.
func (d *panelDesktop) shot(name string) image.Image {
	d.t.Helper()
	img := d.grab()
	var buf bytes.Buffer
	if err := png.Encode(&buf, img); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.dir, name+".png"), buf.Bytes(), 0o644); err != nil {
		d.t.Fatal(err)
	}
	return img
}

// changed returns the box around the pixels of area that differ.
func changed(a, b image.Image, area image.Rectangle) image.Rectangle {
	var box image.Rectangle
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			r1, g1, b1, _ := a.At(x, y).RGBA()
			r2, g2, b2, _ := b.At(x, y).RGBA()
			if r1 != r2 || g1 != g2 || b1 != b2 {
				box = box.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return box
}

var (
	aboveArea = image.Rect(0, 0, screenW, screenH-panelH)
	panelArea = image.Rect(0, screenH-panelH, screenW, screenH)
)

// waitDrawn waits until what changed in area since before has some size and then
// stays as it is, and returns its box.
func (d *panelDesktop) waitDrawn(what string, before image.Image, area image.Rectangle, minW, minH int) image.Rectangle {
	d.t.Helper()
	var box image.Rectangle
	last := before
	defer func() {
		if d.t.Failed() {
			d.shot("failed")
		}
	}()
	d.wait(what+" on the screen", func() bool {
		now := d.grab()
		still := changed(last, now, area).Empty()
		box, last = changed(before, now, area), now
		return still && box.Dx() >= minW && box.Dy() >= minH
	})
	return box
}

func (d *panelDesktop) click(p image.Point, button int) {
	d.t.Helper()
	d.tool("xdotool", "mousemove", strconv.Itoa(p.X), strconv.Itoa(p.Y), "click", strconv.Itoa(button))
}

func centre(r image.Rectangle) image.Point { return r.Min.Add(r.Max).Div(2) }

// A note is a notification as its daemon was told it.
type note struct {
	summary, body string
	actions       []string
}

// monitorNotes listens to what the bus delivers to the notification daemon.
func (d *panelDesktop) monitorNotes() <-chan note {
	d.t.Helper()
	conn := d.bus.Connect(d.t)
	messages := make(chan *dbus.Message, 64)
	rule := "type='method_call',interface='org.freedesktop.Notifications',member='Notify'"
	if err := conn.BusObject().Call("org.freedesktop.DBus.Monitoring.BecomeMonitor", 0, []string{rule}, uint32(0)).Err; err != nil {
		d.t.Fatal(err)
	}
	conn.Eavesdrop(messages)
	notes := make(chan note, 64)
	go func() { // ends when the connection closes with the test
		for m := range messages {
			if len(m.Body) < 6 {
				continue
			}
			summary, _ := m.Body[3].(string)
			body, _ := m.Body[4].(string)
			actions, _ := m.Body[5].([]string)
			notes <- note{summary, body, actions}
		}
	}()
	return notes
}

// TestXfce is the program as its user meets it: a real panel shows icon, menu and
// submenu, a click there switches a server off everywhere, and a server that
// dies is notified by a real notification daemon.
func TestXfce(t *testing.T) {
	p := findPeers(t)
	d := startDesktop(t)
	home := t.TempDir()
	config := writeConfig(t, home, "\n    // kept\n    "+p.entry()+`,
    "demo": {"command": "mcpproxy-tray", "args": ["demo-server"]},
    "new": {"command": "no-such-command"}`, `
  "notifications": {"kinds": {"approval": false}, "down_after": "0s", "min_up": "0s", "group": "50ms", "startup_quiet": "0s"},`)
	notes := d.monitorNotes()
	d.waitDrawn("the panel", image.NewRGBA(image.Rect(0, 0, screenW, screenH)), panelArea, screenW/2, panelH/2)
	before := d.grab()

	prog := run(t, home, d.env)
	for _, name := range []string{"everything", "demo"} {
		if code, _, stderr := cli(t, home, "servers", "approve", name); code != 0 {
			t.Fatalf("approve %s: %s", name, stderr)
		}
		prog.waitState(name, "connected")
	}
	item := traytest.Attach(t, d.bus.Address).Item(t, "")
	item.WaitEntry(t, "everything", "Disable")

	icon := d.waitDrawn("the icon", before, panelArea, 8, 8)
	d.shot("icon")
	menuBefore := d.grab()
	d.click(centre(icon), 1)
	menu := d.waitDrawn("the menu", menuBefore, aboveArea, 100, 60)
	opened := d.shot("menu")
	row := d.rowOf(item, menu, "everything")
	d.tool("xdotool", "mousemove", strconv.Itoa(row.X), strconv.Itoa(row.Y))
	d.waitDrawn("the submenu", opened, aboveArea, 100, 60)
	d.shot("submenu")
	d.tool("xdotool", "key", "Escape", "Escape")

	item.Click(t, "everything", "Disable")
	prog.waitState("everything", "disabled")
	item.WaitEntry(t, "everything", "Enable")
	data, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(data, []byte("// kept")) || !strings.Contains(string(data), `"disabled": true`) {
		t.Errorf("the configuration after the click:\n%s", data)
	}
	time.Sleep(time.Second) // else it would be the second of a double click
	item.Click(t, "everything", "Enable")
	s := prog.waitState("everything", "connected")
	d.expectQuiet(notes, "everything")

	if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	noteBefore := d.grab()
	d.waitNote(notes, "everything")
	d.waitDrawn("the notification", noteBefore, aboveArea, 100, 30)
	d.shot("notification")
	if again := prog.waitState("everything", "connected"); again.PID == s.PID {
		t.Errorf("process %d is said to run again after it was killed", s.PID)
	}
}

// rowOf estimates where a row of the open menu is on the screen; a separator is
// about a third as high as a row.
func (d *panelDesktop) rowOf(item *traytest.Item, menu image.Rectangle, label string) image.Point {
	d.t.Helper()
	var at, total float64
	for _, e := range item.Menu(d.t).Children {
		height := 1.0
		switch {
		case !e.Visible:
			continue
		case e.Separator:
			height = 0.35
		case strings.Contains(e.Label, label):
			at = total + height/2
		}
		total += height
	}
	if at == 0 {
		d.t.Fatalf("no row %q in the menu", label)
	}
	return image.Pt(menu.Min.X+menu.Dx()/3, menu.Min.Y+int(float64(menu.Dy())*at/total))
}

// expectQuiet fails if a notification that the server is down has arrived.
func (d *panelDesktop) expectQuiet(notes <-chan note, server string) {
	d.t.Helper()
	for {
		select {
		case n := <-notes:
			if strings.Contains(n.summary, server+" disconnected") {
				d.t.Errorf("notification of what the user did himself: %+v", n)
			}
		default:
			return
		}
	}
}

// waitNote waits for the notification that the server is down.
func (d *panelDesktop) waitNote(notes <-chan note, server string) {
	d.t.Helper()
	limit := time.After(patience)
	for {
		select {
		case n := <-notes:
			if n.summary == server+" disconnected" {
				return
			}
		case <-limit:
			d.t.Fatalf("no notification that %s is down", server)
		}
	}
}
