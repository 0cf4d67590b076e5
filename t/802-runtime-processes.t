#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Programs of other runtimes as processes: when they are started and ended, and
# what they are given of the master.  They are shell scripts, and read nothing.
use strict;
use warnings;

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

done_testing();
