#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Commands that talk to what is no master, to one that is stopped, and to one
# that nobody has named.
use strict;
use warnings;

use IO::Socket::UNIX;
use POSIX ();
use Test::More;
use Time::HiRes qw(time);

use Test::Forebay;
use Test::Forebay::Mock;
use Test::Forebay::Util;

my $forebay = build_dir() . '/forebay';

# A program that listens where a master would, and does with each connection
# what it is told: (scratch directory, pid).
sub impostor
{
	my ($code, $before) = @_;
	my $dir = scratch();

	chmod(0755, $dir);
	my $pid = fork // die "fork: $!";

	if (!$pid) {
		local $SIG{PIPE} = 'IGNORE';
		my $sock = IO::Socket::UNIX->new(Local => "$dir/control");

		chmod(0777, "$dir/control");
		$before->() if $before;
		listen($sock, 5);
		local $SIG{CHLD} = 'IGNORE';
		while (my $conn = $sock->accept) {
			next if fork;
			sysread($conn, my $line, 4096);
			$code->($conn, $line // '');
			POSIX::_exit(0);
		}
		POSIX::_exit(0);
	}
	wait_until { -S "$dir/control" && slurp('/proc/net/unix') =~
	    m{00010000 \d+ 01 +\d+ \Q$dir\E/control} } 'it listens';
	return ($dir, $pid);
}

sub client { return run([$forebay, $_[0], '-d', @_[1 .. $#_]]) }

scenario 'escape sequences' => sub {
	my ($dir, $pid) = impostor(sub {
		syswrite($_[0], $_[1] =~ /^version/ ? "{}\n" :
		    '{"ok":true,"text":"a\u001b]0;title\u0007b\nc\u009b2J"}' .
		    "\n");
		$_[0]->close;
	});
	my ($status, $out, $err) = client('reload', $dir);

	is($status, 0, 'reload');
	is($out, "a\\x1b]0;title\\x07b\nc\\xc2\\x9b2J\n", 'shown, not sent');
	unlike("$err$out", qr/[^\n\x20-\x7e]/, 'nothing else');
	kill_pid($pid);
};

scenario 'silence' => sub {
	my ($dir, $pid) = impostor(sub { sysread($_[0], my $more, 1) });

	for my $word (qw(status reload stop)) {
		my ($status, undef, $err) = client($word, $dir);

		is($status, 1, "$word: gives up");
		like($err, qr/\(pid $pid\) has not answered for 5 s/,
		    'with the pid');
	}
	kill_pid($pid);
};

scenario 'an answer without end' => sub {
	my ($dir, $pid) = impostor(sub {
		my $bytes = ' ' x 65536;

		1 while syswrite($_[0], $bytes);
		$_[0]->close;
	});
	my ($status, undef, $err) = client('status', $dir);

	is($status, 1, 'gives up');
	like($err, qr/more than 64 MiB/, 'and says why');
	kill_pid($pid);
};

scenario 'of another user' => sub {
	$> == 0 or return skip_for('not root', machine => 1);
	my ($dir, $pid) = impostor(sub {
		syswrite($_[0], qq({"ok":true,"text":"done"}\n));
		$_[0]->close;
	}, sub { POSIX::setgid(65534); POSIX::setuid(65534) });
	my ($status, $out, $err) = client('stop', $dir);

	is($status, 1, 'not asked');
	like($err, qr/user 65534 \(pid $pid\) answers there/, 'and why');
	is($out, '', 'its answer is not shown');
	kill_pid($pid);
};

my $broker = Test::Forebay::Mock->new;

scenario 'a master that is stopped' => sub {
	# It is to be a member still when it goes on.
	my $f = Test::Forebay->new(broker => $broker, topic => $broker->topic(1),
	    config => { 'session.timeout.ms' => 120000 });

	$f->start_ready(1);
	$f->signal('STOP');
	for my $word (qw(status reload drain)) {
		my ($status, undef, $err) = $f->cli($word);

		is($status, 1, "$word: gives up");
		like($err, qr/\(pid $f->{pid}\) has not answered for 5 s/,
		    'with the pid');
	}
	$f->signal('CONT');
	is_soon { $f->status } 'it goes on';
	is($f->status->{state}, 'RUNNING', 'and was not drained');
};

# /run of its own: forebay's directory in it has nobody else's master.
scenario 'a master that was not named' => sub {
	my @own = ('unshare', '-m', 'sh', '-c',
	    'mount -t tmpfs -o mode=755 none /run && exec "$@"', 'sh');

	(run([@own, 'true']))[0] == 0
	    or return skip_for('no mount namespaces', machine => 1);
	my $f = Test::Forebay->new(broker => $broker, topic => $broker->topic(1),
	    wrap => \@own, host => { runDirectory => '/run/forebay/demo' });

	$f->start_only;
	my $here = sub {
		return run(['nsenter', '-t', $f->{pid}, '-m', $forebay, @_]);
	};

	is_soon { ($here->('status'))[0] == 0 } 'status finds it';
	for my $word ('reload', 'drain', 'stop', 'skip x/1@2',
	    'watermark reset') {
		my ($status, $out, $err) = $here->(split / /, $word);

		is($status, 1, "$word: refused");
		like($err, qr{/run/forebay/demo \(pid $f->{pid}\), add --yes},
		    'the target is named');
	}
	ok(pid_alive($f->{pid}), 'it still runs');
	# On a terminal it asks; and what is not a yes is a no.
	my $asked = sub {
		my ($answer, @words) = @_;

		return run(['nsenter', '-t', $f->{pid}, '-m', helper('onpty'),
		    $answer, $forebay, @words]);
	};

	for my $no ('n', '', 'x') {
		my ($status, $out) = $asked->($no, 'stop');

		is($status, 1, "stop, answered '$no': refused");
		like($out, qr{stop the master in /run/forebay/demo \(pid $f->{pid}\)\? \[y/N\] },
		    'what was asked');
	}
	ok(pid_alive($f->{pid}), 'it still runs');
	like(($asked->('y', 'watermark', 'reset'))[1],
	    qr/watermarks? of|nothing was reset/, 'watermark, answered y');
	like(($asked->('y', 'reload'))[1], qr/nothing has changed/,
	    'reload, answered y: the result');
	is(($here->('reload', '--yes'))[0], 0, 'with --yes it obeys');
	is(($here->('stop', '-d', '/run/forebay/demo'))[0], 0,
	    'and by its name');
	is($f->await_exit, 0, 'ends with 0');
};

done_testing();
