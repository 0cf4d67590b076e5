#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The run directory: what is not believed, what is made anew when somebody
# removes it under a living master, and that nobody takes away what is
# another's.
use strict;
use warnings;

use Fcntl qw(:flock);
use File::Path qw(remove_tree);
use IO::Socket::UNIX;
use Test::More;

use Test::Forebay;
use Test::Forebay::Mock;
use Test::Forebay::Util;

my $broker = Test::Forebay::Mock->new;

sub daemon
{
	return Test::Forebay->new(broker => $broker, topic => $broker->topic(2),
	    @_);
}

# What a master that has ended leaves to nobody.
sub files { return grep { -e "$_[0]/$_" } qw(pid control ledger) }

sub refuses
{
	my ($f, $pattern, $what) = @_;

	$f->start_only;
	my $status = $f->await_exit;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($status, 1, "$what: refused");
	like($f->log_text, $pattern, 'and why');
	return;
}

scenario 'a directory that others could change' => sub {
	my $f = daemon();

	mkdir("$f->{dir}/elsewhere");
	symlink("$f->{dir}/elsewhere", $f->{run});
	refuses($f, qr/\Q$f->{run}\E: is a link/, 'a link');
	like(($f->cli('status'))[2], qr/is a link/, 'no client follows it');
	like(($f->cli('shm'))[2], qr/is a link/, 'nor shm');
	unlink($f->{run});

	mkdir($f->{run});
	chmod(0770, $f->{run});
	refuses($f, qr/\Q$f->{run}\E: others may write to it \(mode 0770\)/,
	    'of a group');
	like(($f->cli('status'))[2], qr/others may write/, 'nor is it asked');
	chmod(0755, $f->{run});
	if ($> == 0) {
		chown(65534, 65534, $f->{run});
		refuses($f, qr/\Q$f->{run}\E: belongs to user 65534/,
		    'of another');
		chown(0, 0, $f->{run});
	}
	$f->start_ready(2);
	ok(1, 'as it should be');
};

scenario 'a pid file that is another' => sub {
	my $f = daemon();
	my $victim = "$f->{dir}/victim";

	mkdir($f->{run});
	spew($victim, "dear\n");
	symlink($victim, "$f->{run}/pid");
	refuses($f, qr{\Q$f->{run}\E/pid: not a plain file}, 'a link');
	unlink("$f->{run}/pid");
	link($victim, "$f->{run}/pid");
	refuses($f, qr{\Q$f->{run}\E/pid: not a plain file}, 'a hard link');
	is(slurp($victim), "dear\n", 'what it leads to is as it was');
};

scenario 'a ledger that somebody has put there' => sub {
	my $f = daemon();

	$> == 0 or return skip_for('not root', machine => 1);
	$f->start_ready(2);
	$f->kill_master;
	wait_until { !pids_in($f->{dir}) } 'the workers are gone';
	chown(65534, 65534, "$f->{run}/ledger");
	$f->start_ready(2);
	like($f->log_text,
	    qr{/ledger: belongs to user 65534; not used, moved to},
	    'is not believed');
};

scenario 'removed under a living master' => sub {
	my $f = daemon();
	my $second = daemon(dir => "$f->{dir}");

	$f->start_ready(2);
	my $identity = slurp("$f->{run}/identity");

	# Nothing can be mended while it is stopped.
	$f->signal('STOP');
	remove_tree($f->{run});
	$second->{err} = "$f->{dir}/err.second";
	refuses($second, qr/another forebay runs here \(pid $f->{pid}\)/,
	    'a second master');
	$f->signal('CONT');
	is_soon { $f->status } 'it is found again';
	is(slurp("$f->{run}/pid"), "$f->{pid}\n", 'its pid, too');
	is(slurp("$f->{run}/identity"), $identity, 'and its identity');
	my ($alarm) = grep { $_->{what} eq 'run directory' }
	    @{$f->status->{alarms}};

	like($alarm->{text}, qr/the ledger was removed from/, 'an alarm');
	unlink("$f->{run}/control");
	is_soon { $f->status } 'also if the socket alone is removed';
	is($f->held, 2, 'nothing else has changed');
	is(($f->cli('drain'))[0], 0, 'drain');
	is($f->await_exit, 0, 'ends with 0');
	is_deeply([files($f->{run})], [], 'nothing is left');
};

# As by a master that this one cannot see, in another network namespace.
scenario 'another master has the directory by now' => sub {
	my $f = daemon();

	$f->start_ready(2);
	$f->signal('STOP');
	rename($f->{run}, "$f->{dir}/before");
	mkdir($f->{run}, 0750);
	spew("$f->{run}/pid", "1\n");
	spew("$f->{run}/ledger", "another's\n");
	open(my $lock, '+<', "$f->{run}/pid") or die "pid: $!";
	flock($lock, LOCK_EX) or die "flock: $!";
	my $socket = IO::Socket::UNIX->new(Local => "$f->{run}/control",
	    Listen => 1);

	$f->signal('CONT');
	is_soon { $f->log_text =~
	    /run directory: .*cannot be made anew: .*another forebay runs here/
	} 'an alarm';
	$f->signal('TERM');
	is($f->await_exit, 0, 'it ends with 0');
	is(slurp("$f->{run}/pid"), "1\n", 'pid of the other is there');
	ok(-S "$f->{run}/control", 'so is its socket');
	is(slurp("$f->{run}/ledger"), "another's\n", 'and its ledger');
	is_deeply([files("$f->{dir}/before")], [], 'its own it has taken away');
};

done_testing();
