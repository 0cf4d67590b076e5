#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The master's functions and the workers that speak to them: through a roll, an
# end of a function, and a reload that replaces it.  It is a sink in Python.
use strict;
use warnings;

use Test::More;

use Test::Forebay;
use Test::Forebay::Function;
use Test::Forebay::Mock;
use Test::Forebay::Util;

Test::Forebay::Function->need('python');

my $broker = Test::Forebay::Mock->new;
my $PYTHON = source_dir() . '/build/functions/python/bin/python';

sub pids { return map { $_->{pid} } @{$_[0]->status->{functions}} }

sub are_ready
{
	my ($f) = @_;

	return !grep { lc($_->{state} // '') ne 'ready' }
	    @{$f->status->{functions}};
}

scenario 'one for each worker' => sub {
	my $dir = scratch();
	my $f = Test::Forebay->new(broker => $broker,
	    topic => $broker->topic(4),
	    sink => { udsink => { container => { image => 'none' } } },
	    host => { functions => { sink => { command => [$PYTHON,
		source_dir() . '/t/interop/functions/sink.py', '{sockets}',
		"$dir/out"] } } });

	$f->start_ready(4);
	$broker->produce($f->{topics}[0], 200);
	$f->await_caught_up;
	is_soon { are_ready($f) } 'both are ready';
	my @pids = pids($f);
	my ($one) = @{$f->status->{functions}};

	is($one->{language}, 'python', 'the SDK is known');
	is($f->metric('forebay_function_answers_total'), 200,
	    'each record was answered once');
	is($f->metric('forebay_function_ready'), 2, 'one worker each');

	# The new workers have slots of their own, and the old ones' places.
	$f->edit(sub { $_[1]{memory}{maxRecords} = 5000 });
	$f->reload_ok;
	$broker->produce($f->{topics}[0], 200);
	$f->await_caught_up;
	is_soon { are_ready($f) } 'after a roll they are ready again';
	is_deeply([pids($f)], \@pids, 'and still the same');

	kill('KILL', $pids[0]);
	$broker->produce($f->{topics}[0], 200);
	$f->await_caught_up;
	is_soon { are_ready($f) } 'one that was killed is back';
	isnt((pids($f))[0], $pids[0], 'as another process');

	@pids = pids($f);
	$f->edit(sub { $_[1]{functions}{sink}{env}{OTHER} = 1 });
	$f->reload_ok;
	$broker->produce($f->{topics}[0], 200);
	$f->await_caught_up;
	is_soon { my @now = pids($f);
		$now[0] != $pids[0] && $now[1] != $pids[1] && are_ready($f) }
	    'with other settings both are others';
	is($f->metric('forebay_function_deaths_total'), 1,
	    'which is no death');
	$f->stop;
};

done_testing();
