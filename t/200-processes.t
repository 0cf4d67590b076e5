#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The master, its workers, and the signals between them and the world.
use strict;
use warnings;

use IO::Socket::UNIX;
use Socket qw(SOCK_DGRAM);
use Test::More;
use Time::HiRes qw(time);

use Test::Forebay;
use Test::Forebay::Mock;
use Test::Forebay::Util;

# CPUs that we may use.
sub cpus { return run_ok(['nproc']) + 0 }

scenario 'workers are as many as asked, each on a CPU' => sub {
	my $b = Test::Forebay::Mock->new;
	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(6),
	    workers => cpus());

	$f->start_ready(6);
	my @workers = $f->workers;

	is(scalar @workers, cpus(), 'as many');
	cmp_ok($_->{partitions}, '>=', int(6 / cpus()), 'a fair share')
	    for @workers;
	for my $w (@workers) {
		my ($cpus) = slurp("/proc/$w->{pid}/status") =~
		    /^Cpus_allowed_list:\s*(\S+)/m;

		is($cpus, $w->{cpu}, "worker $w->{slot} is pinned");
		like(slurp("/proc/$w->{pid}/cmdline"), qr/worker/,
		    'its title says what it is');
	}
};

scenario 'auto is one worker for each CPU' => sub {
	my $b = Test::Forebay::Mock->new;
	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(1),
	    workers => 'auto');

	$f->start_ready(1);
	is(scalar $f->workers, cpus(), cpus() . ' workers');
	$f->stop;

	my ($first) = slurp('/proc/self/status') =~
	    /^Cpus_allowed_list:\s*(\d+)/m;

	# Only one of them may be used.
	$f->{pid} = spawn(['taskset', '-c', $first, $f->command, '-c',
	    $f->{file}], out => $f->{out}, err => $f->{err});
	wait_until { $f->held == 1 } 'it runs again';
	is(scalar $f->workers, 1, 'the affinity mask counts');
};

# A cgroup that may use one CPU's time, of either kind; undef if none can be
# made here.
sub one_cpu
{
	my ($v1) = grep { -e "$_/cpu.cfs_quota_us" }
	    map { "/sys/fs/cgroup/$_" } 'cpu', 'cpu,cpuacct';
	my $dir = ($v1 // '/sys/fs/cgroup') . "/forebay-test-$$";

	return undef unless mkdir($dir);
	for ([$v1 ? 'cpu.cfs_quota_us' : 'cpu.max', 100000]) {
		my ($file, $text) = @$_;

		open(my $fh, '+<', "$dir/$file") or last;
		print $fh "$text\n";
		close($fh) or last;
		return $dir;
	}
	rmdir($dir);
	return undef;
}

# A quota says how many, not which: all that have one would be on CPU 0.
scenario 'a quota of one CPU is one worker, on any' => sub {
	my $cgroup = cpus() > 1 && one_cpu() or
	    return skip_for('no cgroup can be made', machine => 1);
	my $b = Test::Forebay::Mock->new;
	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(1),
	    workers => 'auto', wrap => ['sh', '-c',
		'echo $$ >"$0"/cgroup.procs && exec "$@"', $cgroup]);

	$f->start_ready(1);
	my ($worker, @others) = $f->workers;
	my ($mask) = slurp("/proc/$worker->{pid}/status") =~
	    /^(Cpus_allowed_list:.*)$/m;

	is(scalar @others, 0, 'one worker');
	like(slurp('/proc/self/status'), qr/^\Q$mask\E$/m, 'it is not pinned');
	$f->stop;
	wait_until { rmdir($cgroup) } 'the cgroup is empty';
};

# ^C on a terminal and systemd's KillMode=control-group reach everybody.
scenario 'signals are for the master' => sub {
	my $b = Test::Forebay::Mock->new;
	my $topic = $b->topic(4);
	my $f = Test::Forebay->new(broker => $b, topic => $topic);

	$f->start_ready(4);
	my @pids = $f->worker_pids;

	kill($_, @pids) for qw(HUP INT QUIT TERM USR1 USR2);
	$b->produce($topic, 400);
	$f->await_caught_up;
	is_deeply([$f->worker_pids], \@pids, 'workers do not care');
	$f->signal('USR2');
	ok($f->status, 'the master does not mind USR2');
};

for my $how (['QUIT', 0], ['TERM', 0], ['INT', 0]) {
	my ($signal, $want) = @$how;

	scenario "SIG$signal leaves in order" => sub {
		my $b = Test::Forebay::Mock->new;
		my $topic = $b->topic(4);
		my $f = Test::Forebay->new(broker => $b, topic => $topic);

		$f->start_ready(4);
		$b->produce($topic, 4000);
		wait_until { $f->status->{counters}{delivered} > 0 }
		    'it is at work';
		$f->check_ledger;
		$f->signal($signal);
		is($f->await_exit, $want, "exit status $want");
		ok(!-S "$f->{run}/control", 'the control socket is gone');
		$f->start->await_caught_up;
		$f->drain;
		$f->delivered_ok(produced => 4000);
	};
}

scenario 'the master dies, the workers go' => sub {
	my $b = Test::Forebay::Mock->new;
	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(4));

	$f->start_ready(4);
	$f->kill_master;
	is_soon { !pids_in($f->{dir}) } 'nobody is left';
};

# Stopped, it neither drains nor goes; and its program is not one of ours.
scenario 'a new master does not wait for ever for old workers' => sub {
	my $b = Test::Forebay::Mock->new;
	my $why = Test::Forebay::no_python();

	return skip_for($why) if $why;
	# A mock lets no static member come back.
	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(4),
	    runtime => 'python', host => { drainTimeout => '2s' },
	    config => { 'group.instance.id' => '',
		'session.timeout.ms' => 6000 });

	$f->start_ready(4);
	my ($pid) = $f->worker_pids;
	# We only look at it: neither in the way, nor harmed.
	open(my $look, '<', "$f->{run}/ledger") or die "ledger: $!";
	kill('STOP', $pid);
	$f->kill_master;
	$f->start;
	is_soon { !pid_alive($pid) } 'it is killed', 15;
	like($f->log_text, qr/notice .*worker $pid \(python3?[.\d]*\) still has it; waiting/,
	    'the log says for whom it waits');
	like($f->log_text, qr/warn .*worker $pid \(python3?[.\d]*\) of the master before is still there; killed/,
	    'and that the wait was over');
	$f->await_held(4);
};

scenario 'USR1 opens the log anew' => sub {
	my $b = Test::Forebay::Mock->new;
	my $log = scratch();
	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(2),
	    host => { log => { file => "$log/log" } });

	$f->start_ready(2);
	is_soon { -s "$log/log" } 'the log is in a file';
	rename("$log/log", "$log/log.1") or die "rename: $!";
	$f->signal('USR1');
	is_soon { -e "$log/log" } 'a new file';
	my $size = -s "$log/log.1";
	my ($pid) = $f->worker_pids;

	kill('KILL', $pid);
	is_soon { slurp("$log/log") =~ /worker/ } 'that has what happens next';
	is(-s "$log/log.1", $size, 'and the old one has not');
	is(scalar(() = slurp("$log/log") =~ / crit /g), 0, 'nothing at crit');
};

scenario 'a second master for the same directory is refused' => sub {
	my $b = Test::Forebay::Mock->new;
	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(1));

	$f->start_ready(1);
	my ($status, $out, $err) = run([$f->command, '-c', $f->{file}],
	    timeout => patience(20));

	isnt($status, 0, 'it exits');
	isnt($status, 124, 'by itself');
	like($err, qr/\Q$f->{run}\E/, 'and names the directory');
	ok($f->status, 'the first one is well');
};

# What systemd would hear (Type=notify).
scenario 'the service manager is told' => sub {
	my $b = Test::Forebay::Mock->new;
	my $dir = scratch();
	my $sock = IO::Socket::UNIX->new(Local => "$dir/notify",
	    Type => SOCK_DGRAM) or die "notify: $!";
	my $heard = '';
	my $listen = sub {
		$sock->blocking(0);
		while (defined $sock->recv(my $buf, 65536)) {
			$heard .= "$buf\n";
		}
		return $heard;
	};
	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(2),
	    env => { NOTIFY_SOCKET => "$dir/notify",
		WATCHDOG_USEC => 2_000_000 });

	$f->start_ready(2);
	is_soon { $listen->() =~ /^READY=1$/m } 'READY=1';
	is_soon { $listen->() =~ /^STATUS=\S/m } 'STATUS';
	is_soon { $listen->() =~ /^WATCHDOG=1$/m } 'WATCHDOG=1';
	$heard = '';
	$f->reload_ok(sub { $_[0]{limits}{readBatchSize} = 7 });
	is_soon { $listen->() =~ /^RELOADING=1$/m } 'RELOADING=1';
	like($heard, qr/^MONOTONIC_USEC=\d+$/m, 'with the time');
	is_soon { $listen->() =~ /^READY=1$/m } 'and READY=1 again';
	$f->drain;
	like($listen->(), qr/^STOPPING=1$/m, 'STOPPING=1');
};

scenario 'a worker that cannot start is tried more and more seldom' => sub {
	my $b = Test::Forebay::Mock->new;
	my $libexec = scratch();
	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(1),
	    args => ['--libexec', "$libexec"], no_ledger => 'nothing is held');

	run_ok(['cp', '/bin/false', "$libexec/forebay-worker"]);
	$f->start;
	is_soon { $f->status->{counters}{deaths} >= 2 } 'it is tried again';
	is_soon { ($f->status->{reason} // '') =~ /worker/ }
	    'status says so';
	is(($f->http('/readyz'))[0], 503, 'not ready');
	cmp_ok($f->status->{counters}{deaths}, '<', 20, 'with pauses');
};

scenario 'so is one that dies soon after it was ready, each time' => sub {
	my $b = Test::Forebay::Mock->new;
	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(1),
	    workers => 1);

	$f->start;
	for (1 .. 4) {
		my $w;

		wait_until {
			($w) = grep { $_->{pid} && $_->{state} eq 'READY' }
			    $f->workers;
		} 'there is a worker';
		# Long enough for each of them to look healthy.
		my $until = time + 1.2;

		wait_until { time > $until } 'it has lived for a while';
		kill('KILL', $w->{pid});
		is_soon { !grep { $_ == $w->{pid} } $f->worker_pids } 'gone';
	}
	$f->await_held(1);
	my @delays = $f->log_text =~ /is started again in (\d+) ms/g;

	is("@delays", '100 200 400', 'the first at once, the others later');
};

done_testing();
