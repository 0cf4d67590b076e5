#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A log that cannot be written: no line is lost without a trace, none stands
# behind the fragment of another, and nothing waits for it.
use strict;
use warnings;

use Fcntl;
use POSIX qw(mkfifo);
use Test::More;

use Test::Forebay;
use Test::Forebay::Mock;
use Test::Forebay::Mount;
use Test::Forebay::Util;

# fcntl(2)
use constant F_SETPIPE_SZ => 1031;

my $broker = Test::Forebay::Mock->new;

sub alarm_of
{
	my ($f) = @_;
	my ($alarm) = grep { $_->{what} eq 'log' } @{$f->status->{alarms}};

	return $alarm->{text} // '';
}

sub lost { return $_[0]->metric('forebay_log_lost_lines_total') }

# Of those that live.
sub lost_by_workers
{
	return $_[0]->metric('forebay_worker_log_lost_lines_total') // 0;
}

my $head = qr/20\d\d-\S+Z \w+ [\w ]+\[\d+\]: /;

# Lines of a log that stand behind the beginning of another.
sub glued { return grep { /.$head/ } split /\n/, $_[0] }

# Two lines of the master.
sub say_something { return $_[0]->signal('USR2') }

# Each worker says that it drains, and the next that it starts.
sub roll
{
	my ($f) = @_;

	return $f->reload_ok(sub {
		$_[0]{limits}{readBatchSize} = 100 + $f->{rolls}++;
	}, 'workers are rolled');
}

scenario 'no room for the log' => sub {
	my $dir = scratch();
	my $mount = Test::Forebay::Mount->new("$dir/log", 'size=1m')
	    // return skip_for('nothing can be mounted here', machine => 1);
	my $f = Test::Forebay->new(broker => $broker, topic => $broker->topic(2),
	    sink => 'blackhole',
	    host => { log => { file => "$dir/log/forebay", level => 'debug' },
		workers => 2 });

	$f->start_ready(2);
	is(lost($f), 0, 'nothing is lost');
	$mount->fill;
	is_soon {
		say_something($f);
		alarm_of($f) =~ /No space left on device; lines are lost/
	} 'an alarm';
	roll($f);
	is_soon { lost_by_workers($f) > 0 } 'workers have lost some, too';
	cmp_ok(lost($f), '>', 0, 'lost lines are counted');
	like($f->log_text,
	    qr{: log \Q$dir\E/log/forebay: No space left on device: lines are lost},
	    'standard error has it');
	# In steps, so that lines are cut.
	for my $step (1 .. 2) {
		$mount->free(4096);
		is_soon { alarm_of($f) eq '' } 'there is some room';
		is_soon {
			say_something($f);
			alarm_of($f) ne ''
		} 'and then there is none';
		roll($f);
	}
	$mount->free;
	is_soon { alarm_of($f) eq '' } 'with room the alarm is over';
	my $missing = 0;

	roll($f);
	is_soon {
		my $log = slurp("$dir/log/forebay");

		$missing = 0;
		$missing += $_ for $log =~
		    /(\d+) lines of this log are missing here/g;
		$missing > 0
	} 'the log says what is missing';
	cmp_ok($missing, '<=', lost($f), 'no more than was counted');
	is_deeply([glued(slurp("$dir/log/forebay"))], [],
	    'no line stands behind a fragment');
	like($f->log_text, qr/the log can be written again/,
	    'standard error has that, too');
	$f->drain;
};

scenario 'a file that cannot be opened' => sub {
	my $dir = scratch();
	my $f = Test::Forebay->new(broker => $broker, topic => $broker->topic(1),
	    host => { log => { file => "$dir/log" } });

	$f->start_ready(1);
	rename("$dir/log", "$dir/log.1") or die "rename: $!";
	mkdir("$dir/log") or die "mkdir: $!";
	is(($f->cli('reopen'))[0], 1, 'refused');
	like(alarm_of($f), qr/Is a directory; the old one is kept/, 'an alarm');
	rmdir("$dir/log") or die "rmdir: $!";
	is_soon { alarm_of($f) eq '' } 'it goes without a second command';
	like(slurp("$dir/log"), qr/log reopened/, 'the file is written to');
	is(readlink("/proc/$_/fd/2"), "$dir/log", 'by all') for $f->{pid},
	    $f->worker_pids;
	$f->drain;
};

# A worker that may open no more descriptors cannot be sent one.
scenario 'a worker that cannot go on in the new file' => sub {
	my $dir = scratch();
	my $f = Test::Forebay->new(broker => $broker, topic => $broker->topic(2),
	    sink => 'blackhole',
	    host => { log => { file => "$dir/log" }, workers => 2 });

	$f->start_ready(2);
	my ($pid) = $f->worker_pids;

	is((run(['prlimit', "--pid=$pid", '--nofile=3:1024']))[0], 0,
	    'no descriptor for it');
	rename("$dir/log", "$dir/log.1") or die "rename: $!";
	my ($status, $out, $err) = $f->cli('reopen');

	is($status, 1, 'reopen: 1');
	like($err, qr/but not by all: worker \d+ \(pid $pid\): Too many open/,
	    'it says by which, and why');
	is((run(['prlimit', "--pid=$pid", '--nofile=1024:1024']))[0], 0,
	    'now there is one');
	is_soon { readlink("/proc/$pid/fd/2") eq "$dir/log" }
	    'it goes on in the new one without a second command';
	is_soon { alarm_of($f) eq '' } 'and the alarm goes';
	rename("$dir/log", "$dir/log.2") or die "rename: $!";
	is(($f->cli('reopen'))[0], 0, 'reopen: 0');
	# At once, and not some time.
	is(readlink("/proc/$_/fd/2"), "$dir/log", 'all are there') for $f->{pid},
	    $f->worker_pids;
	$f->drain;
};

scenario 'nobody reads the log' => sub {
	my $dir = scratch();

	mkfifo("$dir/fifo", 0600) or die "mkfifo: $!";
	sysopen(my $fifo, "$dir/fifo", O_RDWR | O_NONBLOCK) or die "fifo: $!";
	fcntl($fifo, F_SETPIPE_SZ, 4096) or die "F_SETPIPE_SZ: $!";
	my $f = Test::Forebay->new(broker => $broker, topic => $broker->topic(2),
	    sink => 'blackhole', host => { log => { level => 'debug' } },
	    wrap => ['sh', '-c', "exec \"\$@\" 2>$dir/fifo", 'sh']);

	$f->start_ready(2);
	roll($f);
	is_soon {
		say_something($f);
		alarm_of($f) =~ /standard error: .*nobody reads it/
	} 'an alarm, and all goes on';
	cmp_ok(lost($f), '>', 0, 'counted');
	my $log = '';

	# Now it is read.
	is_soon {
		while (sysread($fifo, my $buf, 65536)) {
			$log .= $buf;
		}
		$log =~ /lines of this log are missing here.*: nobody reads it/
		    && alarm_of($f) eq ''
	} 'what is missing is said';
	is_deeply([grep { !/^$head/ } split /\n/, $log], [],
	    'all lines are whole');
	is_deeply([glued($log)], [], 'and by themselves');
	close($fifo);
	$f->drain;
};

done_testing();
