// mocker-netd is the network of a group of VMs: a switch, DNS, NAT with a policy, and published ports.
// One detached process per network; the engine starts it and speaks to it through its control socket.
package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"mocker/netd/control"
	"mocker/netd/jail"
	"mocker/netd/network"
	"mocker/netd/resolver"
	"mocker/netd/settings"
	"mocker/netd/sockets"
)

// Exit statuses as in sysexits.h.
const (
	exitFailed   = 1
	exitUsage    = 64
	exitLocked   = 75
	exitSettings = 78
)

func main() {
	log.SetFlags(log.LstdFlags | log.LUTC)
	jail.CloseInheritedDescriptors()
	os.Exit(run())
}

func run() int {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: mocker-netd /path/of/netd.json")
		return exitUsage
	}
	read, err := settings.Read(os.Args[1])
	if err != nil {
		log.Printf("%s: %v", os.Args[1], err)
		return exitSettings
	}
	unix.Umask(0o077)
	lock, err := sockets.TakeLock(read.LockPath)
	if errors.Is(err, sockets.ErrLocked) {
		return exitLocked
	}
	if err != nil {
		log.Print(err)
		return exitFailed
	}
	defer lock.Close()
	if err := serve(read); err != nil {
		log.Print(err)
		return exitFailed
	}
	return 0
}

// serve runs the network until it is idle or told to end.
func serve(settings *settings.Settings) error {
	limitMemory()
	jail.RaiseLimits()
	// A log's reader that has gone must not end the network.
	signal.Ignore(unix.SIGPIPE, unix.SIGHUP, unix.SIGINT)
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, unix.SIGTERM)

	served, err := network.New(settings)
	if err != nil {
		return err
	}
	controls, err := sockets.Listen(settings.SocketPath)
	if err != nil {
		return err
	}
	defer controls.Close()
	cards, err := sockets.Listen(settings.CardSocketPath)
	if err != nil {
		return err
	}
	defer cards.Close()
	if err := jail.Enter(resolver.HostPath, settings.SocketPath, settings.CardSocketPath); err != nil {
		return fmt.Errorf("the jail cannot be entered: %w", err)
	}
	go control.Serve(controls, served)
	go served.ServeCards(cards)

	select {
	case <-terminated:
	case <-served.Idle:
	}
	served.Close()
	return nil
}

// limitMemory keeps the process small: a network that has nothing to do should cost little, and its hot path
// takes its buffers from pools.
func limitMemory() {
	debug.SetGCPercent(50)
	debug.SetMemoryLimit(384 << 20)
}
