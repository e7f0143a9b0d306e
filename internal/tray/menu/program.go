package menu

// program fills the slots of the program as a whole, below the servers.
func (b *builder) program() {
	switch {
	case b.CanPause && b.Paused:
		b.do(pause, "Resume calls", Resume)
	case b.CanPause:
		b.do(pause, "Pause all calls", Pause)
	}
	if b.CanPaste {
		b.do(paste, "Add a server from the clipboard", Paste)
	}
	if b.HasPage {
		b.do(openPage, "Open status page", OpenPage)
	}
	if b.HasFile {
		b.do(openFile, "Edit configuration", EditConfig)
	}
	if b.CanCopy {
		b.do(copyURL, "Copy endpoint URL", CopyURL)
	}
	if b.Notify.Known {
		b.notifications()
	}
	if b.CanLogin {
		b.check(login, "Start at login", b.Login, LoginOn, LoginOff)
	}
	b.do(quit, "Quit", Quit)
}

func (b *builder) notifications() {
	title, quiet := "Notifications", b.Notify.On && !b.Notify.QuietUntil.IsZero()
	until := b.clock(b.Notify.QuietUntil)
	switch {
	case !b.Notify.On:
		title += ": off"
	case quiet:
		title += ": quiet until " + until
	}
	b.parent(notifications, title)
	b.check(notifySwitch, "Show notifications", b.Notify.On, NotifyOn, NotifyOff)
	switch {
	case quiet:
		b.do(notifyQuiet, "No longer quiet (until "+until+")", Loud)
	case b.Notify.On:
		b.do(notifyQuiet, "Quiet for one hour", Quiet)
	}
}

// do fills a slot with an action of no server, and marks it while that is under way.
func (b *builder) do(id ID, text string, k Kind) {
	if b.Busy[k] {
		text = "… " + text
	}
	b.click(id, text, Action{Kind: k})
}

// check fills a slot with something that is on or off.
func (b *builder) check(id ID, text string, on bool, turnOn, turnOff Kind) {
	word, k := ": off", turnOn
	if on {
		word, k = ": on", turnOff
	}
	b.do(id, text+word, k)
	b.m.Nodes[id-1].Checked = on
}
