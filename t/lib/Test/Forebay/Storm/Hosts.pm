# SPDX-License-Identifier: Apache-2.0
#
# The hosts of a storm: methods of Storm.pm.
package Test::Forebay::Storm::Hosts;

use strict;
use warnings;

use JSON::PP ();
use POSIX ();
use Test::More;
use Time::HiRes qw(time);

use Test::Forebay;
use Test::Forebay::Secured;
use Test::Forebay::Storm::Allowed;
use Test::Forebay::Storm::Ledger;
use Test::Forebay::Storm::Outside;
use Test::Forebay::Util;

sub add_host
{
	my ($self, $n) = @_;
	my $name = chr(ord('A') + $n);
	my %secured = secured($self->{broker},
	    $self->{secrets} //= scratch());
	# Of the very brokers of the source, as exactly-once wants it.
	my %sink = $self->{sink} eq 'kafka' ? (sink => { kafka => {
		%{$secured{kafka}}, setKey => JSON::PP::true(),
		brokers => [$secured{bootstrap}],
		topic => $self->{copy} } }) :
	    $self->{sink} eq 'function' ? (sink => $self->sink_section) : ();
	my $f = Test::Forebay->new(broker => $self->{broker}, %secured,
	    topic => $self->{topics}, workers => 2, %sink,
	    ($self->{keep} ? (dir => $self->keep_in("host-$name")) : ()),
	    ($n ? (group => $self->{group}) : ()),
	    config => { 'session.timeout.ms' => 6000 },
	    host => { %{$secured{host}},
		memory => { maxRecords => $Test::Forebay::Storm::Allowed::IN_FLIGHT },
		progressTimeout => '3s', workerTimeout => '5s', maxPartitions => 64,
		log => { level => $self->{level} },
		delivery => $self->{delivery},
	    });
	my $h = { f => $f, name => $name, workers => 2, state => 'down',
		version => 0, since => time };

	$self->{group} //= $f->{group};
	$self->add_output($h, $n) if $self->{sink} eq 'log';
	$self->add_functions($h) if $self->{functions};
	push @{$self->{h}}, $h;
	return;
}

sub keep_in
{
	my ($self, $name) = @_;
	my $dir = "$self->{keep}/$name";

	-d $self->{keep} || mkdir($self->{keep}) || die "$self->{keep}: $!\n";
	mkdir($dir) || die "$dir: $!\n";
	return $dir;
}

# Of two hosts one writes into a pipe, and one into a file on a small disk.
sub add_output
{
	my ($self, $h, $n) = @_;

	return $self->add_relay($h)
	    unless $n % 2 && Test::Forebay::Storm::Outside::can_mount();
	$h->{disk} = Test::Forebay::Storm::Outside::add_disk($h->{f}{dir});
	$h->{log} = $h->{f}{out} = "$h->{disk}/out";
	return;
}

# What the host writes goes through a pipe, so that somebody can stop taking
# it.  We hold the pipe open; the relay's copy ends when nobody does.
sub add_relay
{
	my ($self, $h) = @_;
	my $f = $h->{f};
	my $fifo = "$f->{dir}/fifo";

	$h->{log} = $f->{out};
	POSIX::mkfifo($fifo, 0600) or die "$fifo: $!\n";
	open($h->{hold}, '+<', $fifo) or die "$fifo: $!\n";
	$f->{out} = $fifo;
	my $pid = fork // die "fork: $!\n";

	if ($pid) {
		$h->{relay} = $pid;
		return;
	}
	# Nothing of others may be held open here.
	POSIX::close($_) for 3 .. 255;
	local $SIG{INT} = 'IGNORE';
	sysopen(my $in, $fifo, POSIX::O_RDONLY()) or POSIX::_exit(1);
	open(my $out, '>', $h->{log}) or POSIX::_exit(1);
	while (sysread($in, my $buf, 65536)) {
		syswrite($out, $buf) == length $buf or POSIX::_exit(1);
	}
	POSIX::_exit(0);
}

sub close_relays
{
	my ($self) = @_;

	for my $h (grep { $_->{relay} } @{$self->{h}}) {
		close(delete $h->{hold});
		my $status = reap(delete $h->{relay}, patience(30));

		is($status, 0, "host $h->{name}: all its lines are here");
	}
	return;
}

sub set_state
{
	my ($self, $h, $state) = @_;

	$h->{state} = $state;
	$h->{since} = time;
	$h->{version}++;
	return;
}

sub start_host
{
	my ($self, $h) = @_;

	$h->{f}->write_manifest;
	$h->{f}->start_only;
	$self->set_state($h, 'up');
	return;
}

sub start_later
{
	my ($self, $h, $secs) = @_;

	$self->set_state($h, 'down');
	return $self->later($secs, sub {
		$self->tell('host %s starts', $h->{name});
		$self->start_host($h);
	});
}

sub kill_master
{
	my ($self, $h, $down) = @_;

	$h->{f}->kill_master;
	return $self->start_later($h, $down);
}

sub kill_host
{
	my ($self, $h, $down) = @_;

	$h->{f}->kill_all;
	return $self->start_later($h, $down);
}

sub leave
{
	my ($self, $h, $away) = @_;

	$self->set_state($h, 'leaving');
	$h->{away} = $away;
	$h->{f}->signal('QUIT');
	return;
}

sub stop_and_go
{
	my ($self, $h, $secs, $state, @pids) = @_;

	$self->set_state($h, $state);
	kill('STOP', @pids);
	return $self->later($secs, sub {
		kill('CONT', @pids);
		$self->tell('host %s wakes up', $h->{name});
		$self->set_state($h, 'up');
	});
}

# One process, until what is returned is called; it goes on when its last
# pause is over.
sub hold
{
	my ($self, $pid) = @_;

	kill('STOP', $pid);
	$self->{paused}{$pid}++;
	return sub {
		kill('CONT', $pid) unless --$self->{paused}{$pid};
		return 1;
	};
}

sub pause
{
	my ($self, $pid, $secs) = @_;

	return $self->later($secs, $self->hold($pid));
}

# Who was to leave is started again; who was not must not have gone.
sub look_at_host
{
	my ($self, $h) = @_;
	my $f = $h->{f};
	my $left = $h->{state} eq 'leaving';

	return unless $f->{pid};
	if (waitpid($f->{pid}, POSIX::WNOHANG()) != $f->{pid}) {
		$self->failure("host $h->{name} does not leave")
		    if $left && time > $h->{since} + patience(60) &&
		    !$h->{stays}++;
		return;
	}
	my $status = $? & 127 ? 128 + ($? & 127) : $? >> 8;

	delete $f->{pid};
	delete $h->{stays};
	$self->tell('host %s has left, exit status %d, after %.1f s',
	    $h->{name}, $status, time - $h->{since}) if $left;
	# 1: not all could be drained and committed in time.
	$self->failure("host $h->{name} " . ($left ? 'left' : 'ended')
	    . " with exit status $status") unless $left &&
	    ($status == 0 || ($status == 1 && $self->is_troubled));
	$self->start_later($h, $left ? $h->{away} : 1);
	return;
}

# Is there, or was there lately, a reason why not all can be drained?
sub is_troubled
{
	my ($self) = @_;

	return grep { $_->{name} =~ /^pause-|^kill-broker|^freeze|^full-disk|^cut|^de|-function$/ &&
	    $_->{time} + $_->{lasts} + $Test::Forebay::Storm::Allowed::FELT > time } @{$self->{applied}};
}

sub holds_any
{
	my ($self, $h) = @_;
	my $rows = Test::Forebay::Storm::Ledger::rows("$h->{f}{run}/ledger");

	return scalar grep { $_->{state} eq 'HELD' } values %{$rows // {}};
}

# Children of the master, each with its program; not those that are not there
# yet, which have the master's.
sub children
{
	my ($self, $h) = @_;
	my $pid = $h->{f}{pid} // return ();

	return map { [$_, readlink("/proc/$_/exe") // ''] }
	    split ' ', slurp("/proc/$pid/task/$pid/children");
}

sub worker_pids
{
	return map { $_->[0] } grep { $_->[1] =~ m{/forebay-worker$} }
	    children(@_);
}

1;
