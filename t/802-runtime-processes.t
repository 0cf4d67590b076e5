#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Programs of other runtimes as processes: when they are started and ended, and
# what they are given of the master.  They are shell scripts, and read nothing.
use strict;
use warnings;

use POSIX qw(mkfifo);
use Test::More;

use Test::Forebay;
use Test::Forebay::Mock;
use Test::Forebay::Util;

my $broker = Test::Forebay::Mock->new;

# A command that notes each start in "$dir/starts" before it does that.
sub script
{
	my ($dir, $text) = @_;

	spew("$dir/program", "#!/bin/sh\necho \$\$ >>$dir/starts\n$text\n");
	chmod(0755, "$dir/program") or die "chmod: $!";
	return { command => ["$dir/program"] };
}

sub starts { return split /\n/, slurp("$_[0]/starts") // '' }

my $UNTIL_TERM = "exec perl -MPOSIX -e pause";

# Four minutes to drain: whatever ends before does so because it was told.
sub host
{
	my ($dir, $text, %opt) = @_;

	return Test::Forebay->new(broker => $broker,
	    topic => $broker->topic(1), sink => 'blackhole',
	    host => { drainTimeout => '4m', workerTimeout => '10m',
		commitInterval => '10m',
		runtimes => { other => { %{script($dir, $text)},
		    %{delete $opt{more} // {}} } },
		%{delete $opt{host} // {}} }, %opt);
}

scenario 'stopped while workers are replaced' => sub {
	my $dir = scratch();
	my $f = host($dir, $UNTIL_TERM,
	    host => { canary => { runtime => 'other' } });

	$f->start_ready(1);
	is_soon { starts($dir) == 1 } 'the canary is started';
	$broker->produce($f->{topics}[0], 100);
	is_soon { ($f->partitions->{"$f->{topics}[0]/0"} // {})->{acked} }
	    'something waits to be committed';
	$broker->halt;
	$f->edit(sub { $_[1]{memory}{maxRecords} = 5000 });
	$f->signal('HUP');
	is_soon { $f->log_text =~ /replacing the workers/ } 'it begins';
	$f->signal('QUIT');
	is_soon { $f->log_text =~ /reload: .*(?:master stops|replaced in)/ }
	    'the reload ends';
	$f->signal('QUIT');
	is($f->await_exit(60), 1, 'it ends, and says that it is not in order');
	is(scalar starts($dir), 1, 'nothing was started meanwhile');
	$broker->resume;
};

# DRAINING is over soon, then one worker does not exit.
scenario 'asked again while it leaves' => sub {
	my $f = host(scratch(), $UNTIL_TERM);
	my ($idle);

	$f->start_ready(1);
	is_soon { $f->worker_pids == 2 } 'two workers';
	($idle) = map { $_->{pid} } grep { !$_->{partitions} } $f->workers;
	kill('STOP', $idle);
	$f->signal('QUIT');
	is_soon { $f->log_text =~ /-> LEAVING/ } 'it leaves';
	$f->signal('QUIT');
	isnt($f->await_exit(60), -1, 'it ends');
	ok(!pid_alive($idle), 'and the worker, too');
};

# The runtime in our place does not listen to SIGTERM.
scenario 'asked again while a runtime is to end' => sub {
	my $dir = scratch();
	my $f = host($dir, "trap '' TERM\n$UNTIL_TERM",
	    runtime => 'other');

	$f->start;
	is_soon { starts($dir) } 'it is started';
	$f->signal('QUIT');
	is_soon { $f->log_text =~ /-> DRAINING/ } 'it is asked to end';
	$f->signal('QUIT');
	is($f->await_exit(60), 0, 'it is killed');
	ok(!pid_alive($_), 'and gone') for starts($dir);
};


# ---- a master that is killed ----------------------------------------------

# Neither the program nor what it has started listens to SIGTERM, so only the
# next master ends them; and before it starts its own.
scenario 'what a killed master leaves is not started twice' => sub {
	my $dir = scratch();
	my $f = host($dir, "trap '' TERM\n"
	    . "(echo \$(exec sh -c 'echo \$PPID') >>$dir/helpers; $UNTIL_TERM) &\n"
	    . $UNTIL_TERM, runtime => 'other', host => { drainTimeout => '1s' });

	$f->start;
	is_soon { starts($dir) && slurp("$dir/helpers") } 'it is started';
	my ($pid) = starts($dir);
	my ($helper) = split /\n/, slurp("$dir/helpers");

	ok(pid_alive($_), "$_ runs") for $pid, $helper;
	is($f->kill_master, 137, 'the master is killed');
	ok(pid_alive($_), "$_ does not listen") for $pid, $helper;
	$f->start;
	is_soon { starts($dir) == 2 } 'the next one starts its own';
	ok(!pid_alive($_), "and has ended $_ before") for $pid, $helper;
	like($f->log_text, qr/pid $pid\) of the master before: is still there/,
	    'the log says so');
	$f->signal('QUIT');
	is($f->await_exit(60), 0, 'it ends');
	ok(!pid_alive($_), "nothing is left of it: $_")
	    for starts($dir), split /\n/, slurp("$dir/helpers");
};

scenario 'a runtime that listens ends with its master' => sub {
	my $dir = scratch();
	my $f = host($dir, $UNTIL_TERM, runtime => 'other');

	$f->start;
	is_soon { starts($dir) } 'it is started';
	my ($pid) = starts($dir);

	is($f->kill_master, 137, 'the master is killed');
	is_soon { !pid_alive($pid) } 'and it ends at once';
};

# ---- what it starts -----------------------------------------------------------

# It leaves a process in a session of its own and waits for a line on a FIFO.
my $DAEMON = q{(setsid sh -c 'echo $$ >>$0/daemons; exec perl -MPOSIX -e pause'}
    . ' $dir </dev/null >/dev/null 2>&1 &)';

sub daemons { return split /\n/, slurp("$_[0]/daemons") // '' }

scenario 'a process in a session of its own' => sub {
	my $dir = scratch();
	my $f;

	mkfifo("$dir/end", 0600) or die "mkfifo: $!";
	$f = host($dir, "dir=$dir\n$DAEMON\nread line <$dir/end\nexit 3",
	    runtime => 'other', host => { drainTimeout => '1s' });
	$f->start;
	is_soon { daemons($dir) == 1 } 'it is started';
	my ($first) = daemons($dir);

	open(my $end, '>', "$dir/end") or die "$dir/end: $!";
	close($end);
	is_soon { daemons($dir) == 2 } 'the runtime exits, and is started again';
	ok(!pid_alive($first), 'what it had started has exited before');
	like($f->log_text, qr/had left 1 process of its own; killed/,
	    'the log says so');
	is($f->kill_master, 137, 'the master is killed');
	my (undef, $second) = daemons($dir);

	ok(pid_alive($second), 'it does not end by itself');
	$f->start;
	is_soon { daemons($dir) == 3 } 'the next master starts its own';
	ok(!pid_alive($second), 'and has ended it before');
	$f->stop;
	is_soon { !pid_alive((daemons($dir))[2]) } 'a stop ends it, too';
};

# ---- what it says -----------------------------------------------------------

my $ESCAPES = "printf '\\033]0;owned\\007 said\\n'";

scenario 'what a program of others says' => sub {
	my $dir = scratch();
	my $f = host($dir, "$ESCAPES >&2\n$ESCAPES\n"
	    . "seq -f 'line %.0f' 1 20000 >&2\nprintf 'last words' >&2\nexit 3",
	    runtime => 'other');

	$f->start;
	is_soon { $f->log_text =~ /runtime \(pid \d+\) exited with code 3/ }
	    'it has said all of it';
	my ($log) = $f->log_text =~ /(.*?exited with code 3)/s;
	my $head = qr/^\S+Z info runtime "other"\[\d+\]: /m;
	my @lines = $log =~ /${head}line \d+$/mg;
	my $left_out = 0;

	unlike($log, qr/[\e\a]/, 'nothing that a terminal acts on');
	is((() = $log =~ /$head\\x1b\]0;owned\\x07 said$/mg), 2,
	    'but what it was, of standard output as well');
	$left_out += $_ for $log =~ /(\d+) more lines were left out$/mg;
	cmp_ok($left_out, '>', 0, 'not all of the flood');
	# One is the last.
	is(@lines + $left_out + ($log =~ /${head}last words$/m ? 0 : -1), 20_000,
	    'each line is there, or counted');
	$f->stop;
};

scenario 'what it says follows the log' => sub {
	my $dir = scratch();
	my $f = host($dir, "while :; do cat $dir/say >&2; done",
	    runtime => 'other', host => { log => { file => "$dir/log" } });
	my $say = sub {
		open(my $fifo, '>', "$dir/say") or die "$dir/say: $!";
		print $fifo "$_[0]\n";
	};

	mkfifo("$dir/say", 0600) or die "mkfifo: $!";
	$f->start;
	$say->('before');
	is_soon { slurp("$dir/log") =~ /: before$/m } 'it is in the log';
	rename("$dir/log", "$dir/log.1") or die "rename: $!";
	is(($f->cli('reopen'))[0], 0, 'opened anew');
	$say->('after');
	is_soon { slurp("$dir/log") =~ /: after$/m } 'and then in the new one';
	unlike(slurp("$dir/log.1"), qr/after/, 'and not in the old one');
	$f->stop;
};

# ---- the answer to a switch -------------------------------------------------

scenario 'a runtime that ends at once is no success' => sub {
	my $dir = scratch();
	my $f = host($dir, "[ -e $dir/works ] || exit 3\n$UNTIL_TERM",
	    no_ledger => 'nothing is read');
	my $choose = sub {
		my ($runtime) = @_;

		return $f->reload(sub {
			$_[0]{containerTemplate} = { env => [{
			    name => 'NUMAFLOW_RUNTIME', value => $runtime }] };
		});
	};

	$f->start_ready(1);
	my ($status, $text) = $choose->('other');

	is($status, 1, 'reload: 1');
	like($text, qr/runtime is now "other"; runtime "other" is not running/,
	    'it says so');
	is(($choose->('c'))[0], 0, 'and back');
	spew("$dir/works", '');
	($status, $text) = $choose->('other');
	is($status, 0, 'one that stays is one');
	like($text, qr/runtime is now "other"$/m, 'and no more is said');
	$f->stop;
};

scenario 'nor is a canary that ends at once' => sub {
	my $dir = scratch();
	my $f = host($dir, "[ -e $dir/works ] || exit 3\n$UNTIL_TERM",
	    no_ledger => 'nothing is read');
	my $choose = sub {
		my ($canary) = @_;

		return $f->reload(sub {
			delete $_[1]{canary};
			$_[1]{canary} = { runtime => $canary } if $canary;
		});
	};

	$f->start_ready(1);
	my ($status, $text) = $choose->('other');

	is($status, 1, 'reload: 1');
	like($text, qr/canary.*; runtime "other" is not running/, 'it says so');
	is(scalar @{[grep { $_->{what} eq 'reload' }
	    @{$f->status->{alarms}}]}, 0,
	    'but the manifest is in force, so that is no alarm');
	is(($choose->())[0], 0, 'and gone');
	spew("$dir/works", '');
	is(($choose->('other'))[0], 0, 'one that stays is one');
	$f->stop;
};

# ---- what it is given -------------------------------------------------------

# It looks about, says what it finds, and asks the master to stop.
my $LOOK = <<'SH';
for f in /proc/$$/fd/*; do readlink $f; done >$dir/fds
cat /proc/self/status >$dir/status
cat /proc/$$/limits >$dir/limits
cat /proc/$$/oom_score_adj >$dir/oom
env >$dir/env
id -un >$dir/user
$forebay stop -d $run >$dir/stop 2>&1 </dev/null
setsid sh -c "$forebay stop -d $run --yes; echo \$?" >$dir/stop2 2>&1 </dev/null
touch $dir/looked
SH

sub looking
{
	my ($dir, %opt) = @_;
	my $f;

	$f = host($dir, 'exit 0', runtime => 'other',
	    env => { CREDENTIALS_DIRECTORY => "$dir", OTHERS_SECRET => 's' },
	    # A descriptor that the master's own parent has left open.
	    wrap => ['/bin/sh', '-c', 'exec 9<"$0"; exec "$@"', __FILE__],
	    %opt);
	script($dir, "dir=$dir run=$f->{run} forebay=" . $f->command
	    . "\n$LOOK\n$UNTIL_TERM");
	return $f;
}

scenario 'what a program of others is given' => sub {
	my $dir = scratch();
	my $f = looking($dir);

	$f->start;
	is_soon { -e "$dir/looked" } 'it has looked about';
	my $status = slurp("$dir/status");

	unlike(slurp("$dir/fds"), qr/802-runtime|ledger|socket|memfd/,
	    'no descriptor of the master, nor of its parent');
	unlike(slurp("$dir/env"), qr/^(?:CREDENTIALS_DIRECTORY|OTHERS_SECRET)=/m,
	    'of the environment what any program wants');
	like(slurp("$dir/env"), qr/^PATH=/m, 'that it has');
	like($status, qr/^$_:\s+0+$/m, "$_ is empty")
	    for qw(CapInh CapPrm CapEff CapAmb SigBlk);
	like($status, qr/^NoNewPrivs:\s+1$/m, 'it gets no new ones');
	like(slurp("$dir/limits"), qr/^Max core file size +1 +1 /m,
	    'no core file');
	cmp_ok(slurp("$dir/oom"), '>', slurp("/proc/$f->{pid}/oom_score_adj"),
	    'it goes before the master when memory runs out');
	ok(pid_alive($f->{pid}), 'it could not stop its master');
	isnt((split /\n/, slurp("$dir/stop2"))[-1], 0,
	    'nor in a session of its own');
	like($f->log_text, qr/started here, turned away/, 'the log says why');
	$f->stop;
};

# What threads of a worker have beyond CAP_DAC_READ_SEARCH, if that.
sub privileges
{
	my ($pid) = @_;
	my @wrong;

	for my $task (glob "/proc/$pid/task/*/status") {
		for (split /\n/, slurp($task)) {
			push @wrong, $_ if /^Cap(?:Inh|Amb):\s+0*[1-9a-f]/ ||
			    /^Cap(?:Prm|Eff|Bnd):\s+(?!0*[04]$)/ ||
			    /^NoNewPrivs:\s+0/;
		}
	}
	return join(', ', @wrong);
}

sub in_memory
{
	my ($pid, $text) = @_;

	open(my $mem, '<:raw', "/proc/$pid/mem") or die "memory: $!\n";
	for (split /\n/, slurp("/proc/$pid/maps")) {
		my ($from, $to) = /^([0-9a-f]+)-([0-9a-f]+) rw/ or next;

		no warnings 'portable';
		my $size = hex($to) - hex($from);

		# More is what a sanitizer has reserved.
		next if $size > 1 << 28;
		sysseek($mem, hex $from, 0);
		sysread($mem, my $bytes, $size) or next;
		return 1 if index($bytes, $text) >= 0;
	}
	return 0;
}

scenario 'what a worker is given' => sub {
	my $dir = scratch();
	my $f = host($dir, 'exit 0', host => { commitInterval => '200ms' },
	    env => { CREDENTIALS_DIRECTORY => "$dir", OTHERS_SECRET => 's' },
	    wrap => ['/bin/sh', '-c', 'exec 9<"$0"; exec "$@"', __FILE__]);
	my %master;

	$f->start_ready(1);
	is_soon { $f->worker_pids == 2 } 'two workers';
	$master{readlink($_) // ''} = 1 for glob "/proc/$f->{pid}/fd/*";
	ok(scalar(grep { /802-runtime/ } keys %master),
	    'the master has one of its parent');
	for my $pid ($f->worker_pids) {
		# The log keeps where standard error went at first.
		my $err = readlink("/proc/$pid/fd/2");
		my @alien = grep { $master{$_} && $_ ne $err &&
		    !/^anon_inode|^\/dev\/null/ }
		    map { readlink($_) // '' }
		    grep { !m{/[0-5]$} } glob "/proc/$pid/fd/*";

		is("@alien", '', "no worker has any of them ($pid)");
		cmp_ok(slurp("/proc/$pid/oom_score_adj"), '>',
		    slurp("/proc/$f->{pid}/oom_score_adj"),
		    'it goes first when memory runs out');
		is(privileges($pid), '', 'it may read files, and no more');
		# Its title lies where /proc/PID/environ looks.
		ok(!in_memory($pid, 'OTHERS_SECRET='),
		    'nothing that it does not need');
		ok(in_memory($pid, "CREDENTIALS_DIRECTORY=$dir"),
		    'of the environment what it reads');
	}
	my ($manifest) = grep { readlink($_) =~ /forebay-manifest/ }
	    glob "/proc/$f->{pid}/fd/*";

	is((stat $manifest)[2] & 0777, 0, 'nobody opens the manifest anew');
	is(slurp("/proc/$f->{pid}/limits") =~ /^Max core file size +1 /m, 1,
	    'the master leaves no core file');
	$f->stop;
};

scenario 'as a user of its own' => sub {
	return skip_for('only root can start programs as another user',
	    machine => 1) if $>;
	my $dir = scratch();
	my $f = looking($dir, more => { user => 'nobody' });

	chmod(0777, "$dir");
	$f->start;
	is_soon { -e "$dir/looked" } 'it has looked about';
	is(slurp("$dir/user"), "nobody\n", 'it is that user');
	like(slurp("$dir/env"), qr/^USER=nobody$/m, 'and its environment says so');
	$f->stop;
	$f->edit(sub { $_[1]{runtimes}{other}{user} = 'nobody-at-all' });
	my ($status, undef, $err) = run([$f->command, 'test', '-c', $f->{file}]);

	is($status, 2, 'one that is not known is refused');
	like($err, qr{^\S+:\d+:\d+:\ spec\.runtimes\.other\.user:\ found
	    \ "nobody-at-all",\ allowed\ is\ a\ user\ of\ this\ machine$}mx,
	    'with its place');
	$f->edit(sub { $_[1]{runtimes}{other}{user} = 'nobody' });
	chmod(0755, "$f->{dir}");
	chmod(0644, $f->{file});
	($status, undef, $err) = run(['setpriv', '--reuid', 'daemon',
	    '--clear-groups', $f->command, 'test', '-c', $f->{file}]);
	like($err, qr/only root's forebay can start/, 'nor without the right');
};

done_testing();
